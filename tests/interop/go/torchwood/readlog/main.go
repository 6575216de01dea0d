// Readlog reads a whole log over HTTP with torchwood's tile client, checks every entry against the checkpoint that the
// log publishes, and prints the last entry's proof, which it made from the tiles.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"

	"filippo.io/torchwood"
)

func main() {
	url := flag.String("url", "", "where the log answers")
	policyFile := flag.String("policy", "", "file with the policy that its checkpoint must satisfy")
	flag.Parse()
	log.SetFlags(0)
	if err := run(context.Background(), *url, *policyFile); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, policyFile string) error {
	text, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return err
	}
	fetcher, err := torchwood.NewTileFetcher(url)
	if err != nil {
		return err
	}
	signed, err := fetcher.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return err
	}
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return err
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		return err
	}
	read := int64(0)
	for range client.AllEntries(ctx, checkpoint.Tree, 0) {
		read++
	}
	if err := client.Err(); err != nil {
		return err
	}
	if read != checkpoint.N {
		return fmt.Errorf("read %d entries of %d", read, checkpoint.N)
	}
	_, proof, err := client.Entry(ctx, checkpoint.Tree, checkpoint.N-1)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(torchwood.FormatProof(checkpoint.N-1, proof, signed))
	return err
}
