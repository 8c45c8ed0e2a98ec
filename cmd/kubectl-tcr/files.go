package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/manifest"
)

// manifests reads the objects of files, of those in folders, and of standard
// input for "-". All that cannot be read is an error: half of an answer would be
// taken for a whole one.
func (c *command) manifests(names []string, recursive bool) ([]manifest.Object, error) {
	var all []manifest.Object
	for _, name := range names {
		files, err := filesOf(name, recursive)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := c.readFile(file)
			if err != nil {
				return nil, err
			}
			objects, err := manifest.Read(file, text)
			if err != nil {
				return nil, err
			}
			all = append(all, objects...)
		}
	}
	return all, nil
}

func (c *command) readFile(name string) ([]byte, error) {
	if name != "-" {
		return os.ReadFile(name) // its error names the file
	}
	text, err := io.ReadAll(c.streams.In)
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return text, nil
}

// filesOf are the files of a folder that may be manifests, in order, or the file
// itself.
func filesOf(name string, recursive bool) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err // names the file
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var files []string
	err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != name && !recursive:
			return fs.SkipDir
		case !d.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)):
			files = append(files, path)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no file that ends in .yaml, .yml or .json", name)
	}
	return files, err
}
