package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mainModule is the module path by which a checkout of this project is known.
const mainModule = "github.com/tcr-webhook/tcr-webhook"

// Checkout returns the folder of the checkout that the current folder is in.
func Checkout() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return checkoutAbove(wd)
}

// checkoutAbove returns the nearest folder at or above dir that holds the main
// module's go.mod. Modules nested in the checkout are walked past.
func checkoutAbove(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		gomod, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && moduleOf(gomod) == mainModule {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find the checkout of %s: no folder above %s holds its go.mod; "+
				"run inside the checkout, or set %s", mainModule, dir, assetsVariable)
		}
	}
}

// moduleOf returns the path in gomod's module line, or "".
func moduleOf(gomod []byte) string {
	for line := range strings.Lines(string(gomod)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "module" {
			return f[1]
		}
	}
	return ""
}

// versionOf returns the version that gomod requires of module. The lines of a
// replace block do not count: they have an arrow where the version would be.
func versionOf(gomod []byte, module string) (string, error) {
	for line := range strings.Lines(string(gomod)) {
		f := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(f) >= 2 && f[0] == module && strings.HasPrefix(f[1], "v") {
			return f[1], nil
		}
	}
	return "", fmt.Errorf("go.mod requires no version of %s", module)
}
