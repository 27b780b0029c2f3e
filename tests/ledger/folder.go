package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder reads the tiles of an exported record, as a client of C2SP tlog-tiles does.
type folder string

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, err := f.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1)) // C2SP names no height
		if err != nil {
			return nil, err
		}
		if size := tile.W * tlog.HashSize; len(data) > size {
			data = data[:size]
		}
		found[i] = data
	}
	return found, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

// read returns a file; a partial tile may have been replaced by the full one.
func (f folder) read(path string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(f), path))
	if full, _, partial := strings.Cut(path, ".p/"); partial && os.IsNotExist(err) {
		return os.ReadFile(filepath.Join(string(f), full))
	}
	return data, err
}

// verifyFolder checks that the newest checkpoint is signed, that the tiles lead to it, and that each entry is its leaf.
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

	reader := tlog.TileHashReader(tree, f) // refuses tiles that do not lead to the root
	for first := int64(0); first < tree.N; first += 256 {
		width := 256
		if left := int(tree.N - first); left < width {
			width = left
		}
		path := strings.Replace(tlog.Tile{H: 8, L: 0, N: first / 256, W: width}.Path(), "tile/8/0/", "tile/entries/", 1)
		bundle, err := f.read(path)
		check("entries", err)
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		hashes, err := reader.ReadHashes(indexes)
		check("tiles", err)
		for i, hash := range hashes {
			var entry []byte
			entry, bundle = next(bundle)
			if tlog.RecordHash(entry) != hash {
				log.Fatalf("entry %d is not its leaf", first+int64(i))
			}
		}
	}
	fmt.Printf("ok: %d leaves\n", tree.N)
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
