// Appendlog appends the lines of its standard input to a Tessera log in a folder, has the new checkpoint cosigned by the
// witnesses of a policy, and prints the checkpoint that it then publishes.
package main

import (
	"bufio"
	"context"
	"flag"
	"log"
	"os"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	folder := flag.String("log", "", "folder of the log")
	key := flag.String("key", "", "file with the log's note signing key")
	policy := flag.String("policy", "", "file with the witness policy")
	within := flag.Duration("within", 10*time.Second, "time that witnesses and publishing may take")
	failOpen := flag.Bool("fail-open", false, "publish without the quorum too")
	flag.Parse()
	log.SetFlags(0)

	ctx, cancel := context.WithTimeout(context.Background(), *within)
	defer cancel()
	if err := run(ctx, *folder, *key, *policy, *failOpen); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, folder, keyFile, policyFile string, failOpen bool) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(string(key))
	if err != nil {
		return err
	}
	policy, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy(policy)
	if err != nil {
		return err
	}
	var entries []*tessera.Entry
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		entries = append(entries, tessera.NewEntry(lines.Bytes()))
	}

	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(uint(len(entries)), 100*time.Millisecond).
		WithCheckpointInterval(100*time.Millisecond).
		WithWitnesses(witnesses, &tessera.WitnessOptions{Timeout: 5 * time.Second, FailOpen: failOpen})
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return err
	}
	var added []tessera.IndexFuture
	for _, entry := range entries {
		added = append(added, appender.Add(ctx, entry))
	}
	await := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond)
	for _, future := range added {
		if _, _, err := await.Await(ctx, future); err != nil {
			return err
		}
	}
	if err := shutdown(ctx); err != nil {
		return err
	}
	checkpoint, err := reader.ReadCheckpoint(ctx)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(checkpoint)
	return err
}
