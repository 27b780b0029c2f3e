package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder is an exported record, which is read as a client of C2SP tlog-tiles does.
type folder string

// read returns a file; a partial tile may have been replaced by the full one.
func (f folder) read(path string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(f), path))
	if full, _, partial := strings.Cut(path, ".p/"); partial && os.IsNotExist(err) {
		return os.ReadFile(filepath.Join(string(f), full))
	}
	return data, err
}

// verifyFolder checks that the newest checkpoint is signed, that each tile has the hashes of its entries, and that these
// lead to the checkpoint. It computes all itself: tlog.TileHashReader of x/mod 0.7.0 does not authenticate every tile.
func verifyFolder(f folder, key string) {
	verifier, err := note.NewVerifier(key)
	check("key", err)
	checkpoint, err := f.read("checkpoint")
	check("checkpoint", err)
	opened, err := note.Open(checkpoint, note.VerifierList(verifier))
	check("note", err)
	lines := strings.Split(opened.Text, "\n")
	var tree tlog.Tree
	fmt.Sscan(lines[1], &tree.N)
	tree.Hash, err = tlog.ParseHash(lines[2])
	check("root", err)

	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	for first := int64(0); first < tree.N; first += 256 {
		leaves := tlog.Tile{H: 8, L: 0, N: first / 256, W: width(tree.N - first)}
		bundle, err := f.read(strings.Replace(leaves.Path(), "tile/8/0/", "tile/entries/", 1))
		check("entries", err)
		known, err := f.read(path(leaves))
		check("tile", err)
		for i := 0; i < leaves.W; i++ {
			var entry []byte
			entry, bundle = next(bundle)
			hash := tlog.RecordHash(entry)
			if len(known) < (i+1)*tlog.HashSize || !bytes.Equal(hash[:], known[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
				log.Fatalf("entry %d is not the leaf in its tile", first+int64(i))
			}
			hashes, err := tlog.StoredHashes(first+int64(i), entry, reader)
			check("entry", err)
			stored = append(stored, hashes...)
		}
	}
	root, err := tlog.TreeHash(tree.N, reader)
	check("tree", err)
	if root != tree.Hash {
		log.Fatalf("the entries do not lead to the checkpoint over %d leaves", tree.N)
	}
	for level := 1; tree.N>>(8*level) > 0; level++ {
		for first := int64(0); first < tree.N>>(8*level); first += 256 {
			tile := tlog.Tile{H: 8, L: level, N: first / 256, W: width(tree.N>>(8*level) - first)}
			computed, err := tlog.ReadTileData(tile, reader)
			check("tile", err)
			known, err := f.read(path(tile))
			check("tile", err)
			if !bytes.HasPrefix(known, computed) {
				log.Fatalf("tile %s is not that of its leaves", path(tile))
			}
		}
	}
	fmt.Printf("ok: %d leaves\n", tree.N)
}

// path returns where a tile lies: C2SP names no height.
func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
}

// width returns how many of so many hashes a tile has.
func width(left int64) int {
	if left < 256 {
		return int(left)
	}
	return 256
}

// next returns the first entry of a bundle, which its length precedes, and the rest.
func next(bundle []byte) ([]byte, []byte) {
	if len(bundle) < 2 {
		log.Fatal("a bundle of entries was cut")
	}
	size := int(binary.BigEndian.Uint16(bundle))
	if len(bundle) < 2+size {
		log.Fatal("a bundle of entries was cut")
	}
	return bundle[2 : 2+size], bundle[2+size:]
}
