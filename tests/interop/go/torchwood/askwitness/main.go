// Askwitness keeps a log in memory and asks a witness to cosign it as it grows, with torchwood's checkpoints, proofs and
// cosignature verifiers. It prints one line for each request: what was asked, and the answer.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A memoryLog has its hashes in the order of tlog's storage.
type memoryLog struct {
	hashes []tlog.Hash
	size   int64
}

func (l *memoryLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = l.hashes[index]
	}
	return found, nil
}

func (l *memoryLog) growTo(size int64, content string) error {
	for ; l.size < size; l.size++ {
		hashes, err := tlog.StoredHashes(l.size, fmt.Appendf(nil, "%s %d", content, l.size), l)
		if err != nil {
			return err
		}
		l.hashes = append(l.hashes, hashes...)
	}
	return nil
}

type asker struct {
	url     string
	log     note.Signer
	witness *torchwood.CosignatureVerifier
}

// ask sends one add-checkpoint request and says what came back.
func (a *asker) ask(l *memoryLog, oldSize int64) (string, error) {
	root, err := tlog.TreeHash(l.size, l)
	if err != nil {
		return "", err
	}
	checkpoint := torchwood.Checkpoint{Origin: a.log.Name(), Tree: tlog.Tree{N: l.size, Hash: root}}
	signed, err := note.Sign(&note.Note{Text: checkpoint.String()}, a.log)
	if err != nil {
		return "", err
	}
	var body strings.Builder
	fmt.Fprintf(&body, "old %d\n", oldSize)
	if 0 < oldSize && oldSize <= l.size {
		proof, err := tlog.ProveTree(l.size, oldSize, l)
		if err != nil {
			return "", err
		}
		for _, hash := range proof {
			fmt.Fprintf(&body, "%s\n", hash)
		}
	}
	fmt.Fprintf(&body, "\n%s", signed)
	response, err := http.Post(a.url+"/add-checkpoint", "", strings.NewReader(body.String()))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode == http.StatusConflict {
		return fmt.Sprintf("409 %s %s", response.Header.Get("Content-Type"), strings.TrimSpace(string(answer))), nil
	}
	if response.StatusCode != http.StatusOK {
		return response.Status[:3], nil
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(a.log.Name()), torchwood.SingleVerifierPolicy(a.witness))
	_, opened, err := torchwood.VerifyCheckpoint(append(signed, answer...), policy)
	if err != nil {
		return "", err
	}
	cosigned, err := torchwood.CosignatureTimestamp(opened.Sigs[0])
	if err != nil {
		return "", err
	}
	if age := time.Since(time.Unix(cosigned, 0)).Abs(); age > time.Minute {
		return "", fmt.Errorf("cosigned %v ago", age)
	}
	return "200 cosigned", nil
}

func main() {
	url := flag.String("url", "", "where the witness answers")
	vkey := flag.String("witness", "", "the witness's verifier key")
	keyFile := flag.String("key", "", "file with the log's note signing key")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*url, *vkey, *keyFile); err != nil {
		log.Fatal(err)
	}
}

func run(url, vkey, keyFile string) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(string(key))
	if err != nil {
		return err
	}
	witness, err := torchwood.NewCosignatureVerifier(vkey)
	if err != nil {
		return err
	}
	a := &asker{url: url, log: signer, witness: witness}
	ours, forked := &memoryLog{}, &memoryLog{}
	for _, step := range []struct {
		name    string
		log     *memoryLog
		size    int64
		oldSize int64
	}{
		{"first", ours, 3, 0},
		{"grown", ours, 300, 3},
		{"unchanged", ours, 300, 300},
		{"forgetful", ours, 301, 0},
		{"forked", forked, 310, 300},
		{"beyond", ours, 301, 302},
		{"grown again", ours, 302, 300},
	} {
		content := "entry"
		if step.log == forked {
			content = "other"
		}
		err := step.log.growTo(step.size, content)
		answer, askErr := a.ask(step.log, step.oldSize)
		if err := errors.Join(err, askErr); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("%s: %s\n", step.name, answer)
	}
	return nil
}
