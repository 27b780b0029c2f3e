// Verifies ledgers with Go's own packages for transparency logs. Reads one ledger a line (JSON), answers "ok" a line.
// With a folder and a key as arguments, it verifies the record that was exported into that folder.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proof struct {
	Index, Old int64
	Path       []tlog.Hash
}

type ledger struct {
	Key, Checkpoint string
	Entries         [][]byte
	Tiles           map[string][]byte // by path, as an export lays them out
	Included, Grown []proof
	Proofs          []string // files as C2SP tlog-proof has them
}

func check(what string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func verify(l ledger) {
	verifier, err := note.NewVerifier(l.Key)
	check("key", err)
	opened, err := note.Open([]byte(l.Checkpoint), note.VerifierList(verifier))
	check("note", err)
	lines := strings.Split(opened.Text, "\n")
	var size int64
	fmt.Sscan(lines[1], &size)
	root, err := tlog.ParseHash(lines[2])
	check("root", err)

	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for n, entry := range l.Entries {
		hashes, err := tlog.StoredHashes(int64(n), entry, reader)
		check("entry", err)
		stored = append(stored, hashes...)
	}
	computed, err := tlog.TreeHash(size, reader)
	check("tree", err)
	if computed != root || size != int64(len(l.Entries)) {
		log.Fatalf("the checkpoint has %d leaves and root %v, not %d and %v", size, root, len(l.Entries), computed)
	}
	for _, tile := range tlog.NewTiles(8, 0, size) {
		if tile.W != 256 && int64(tile.W) != size>>(8*tile.L)%256 {
			continue // a width that the tile had while it grew
		}
		data, err := tlog.ReadTileData(tile, reader)
		check("tile", err)
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1) // C2SP names no height
		if string(l.Tiles[path]) != string(data) {
			log.Fatalf("tile %s differs: %d bytes, not %d", path, len(l.Tiles[path]), len(data))
		}
	}
	for _, p := range l.Included {
		check("inclusion", tlog.CheckRecord(p.Path, size, root, p.Index, tlog.RecordHash(l.Entries[p.Index])))
	}
	for _, file := range l.Proofs {
		verifyProof(file, verifier)
	}
	for _, p := range l.Grown {
		old, err := tlog.TreeHash(p.Old, reader)
		check("old tree", err)
		check("consistency", tlog.CheckTree(p.Path, size, root, p.Old, old))
	}
}

// verifyProof reads a tlog-proof with the extra line, which holds the entry here.
func verifyProof(file string, verifier note.Verifier) {
	parts := strings.SplitN(file, "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatalf("this is no tlog-proof: %q", file)
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	check("extra", err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	check("index", err)
	var path tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		check("hash", err)
		path = append(path, hash)
	}
	opened, err := note.Open([]byte(parts[1]), note.VerifierList(verifier))
	check("checkpoint of the proof", err)
	checkpoint := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(checkpoint[1], 10, 64)
	check("size", err)
	root, err := tlog.ParseHash(checkpoint[2])
	check("root", err)
	check("proof", tlog.CheckRecord(path, size, root, index, tlog.RecordHash(entry)))
}

func main() {
	if len(os.Args) == 3 {
		verifyFolder(folder(os.Args[1]), os.Args[2])
		return
	}
	lines := bufio.NewReader(os.Stdin)
	for decoder := json.NewDecoder(lines); decoder.More(); fmt.Println("ok") {
		var l ledger
		check("input", decoder.Decode(&l))
		verify(l)
	}
}
