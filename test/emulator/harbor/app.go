package harbor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"unsafe"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // the access controller "token"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory" // the storage driver "inmemory"
	"github.com/sirupsen/logrus"
)

// app is one distribution registry.
type app struct {
	*handlers.App
}

// newApp starts a registry that trusts the bearer tokens of t.
func newApp(t *tokens) (a *app, err error) {
	keys, err := t.keyFile()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(keys)) }() // it is read once, by NewApp
	defer func() {
		if cause := recover(); cause != nil { // how NewApp reports errors
			err = fmt.Errorf("start registry: %v", cause)
		}
	}()
	// Not the caller's context: the App ends with close.
	return &app{handlers.NewApp(context.Background(), config(keys))}, nil
}

func config(keyFile string) *configuration.Configuration {
	c := &configuration.Configuration{Version: "0.1"}
	c.Log.Level = "error"
	c.Catalog.MaxEntries = 1000
	c.Storage = configuration.Storage{
		"inmemory": configuration.Parameters{},
		// The purger is a goroutine that sleeps for an hour, ctx or not.
		"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
	}
	c.Auth = configuration.Auth{"token": configuration.Parameters{
		"realm": "https://unused" + tokenPath, "autoredirect": true, "autoredirectpath": tokenPath,
		"service": service, "issuer": issuer, "jwks": keyFile,
	}}
	return c
}

// ServeHTTP implements http.Handler.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.App.ServeHTTP(w, r) }

// close ends the App. Its event broadcaster, a goroutine, is forgotten by
// Shutdown (v3.1.2) and reachable by reflection alone; TestClose fails when a
// new version moves it.
func (a *app) close() error {
	field := reflect.ValueOf(a.App).Elem().FieldByName("events").FieldByName("sink")
	sink, ok := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Interface().(interface{ Close() error })
	if !ok {
		return errors.Join(errors.New("close registry: its event sink cannot be closed"), a.Shutdown())
	}
	return errors.Join(sink.Close(), a.Shutdown())
}

// quiet turns off the process' logrus, which only distribution uses.
func quiet() { logrus.SetLevel(logrus.PanicLevel) }
