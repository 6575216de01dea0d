// Checkproof verifies a tlog-proof of an entry with torchwood.
package main

import (
	"flag"
	"log"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	policyFile := flag.String("policy", "", "file with the policy that the proof's checkpoint must satisfy")
	entryFile := flag.String("entry", "", "file with the entry")
	proofFile := flag.String("proof", "", "file with the proof")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*policyFile, *entryFile, *proofFile); err != nil {
		log.Fatal(err)
	}
}

func run(policyFile, entryFile, proofFile string) error {
	text, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return err
	}
	proof, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	return torchwood.VerifyProof(policy, tlog.RecordHash(entry), proof)
}
