package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

// Both paths do a round trip in Vault, on all interfaces: as in vault-kubernetes-kms.
func serveHealth(port int, t *transit) error {
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	answer := func(w http.ResponseWriter, r *http.Request) {
		if err := t.roundTrip(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "OK")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/health", answer)
	mux.HandleFunc("/live", answer)
	go func() { fmt.Fprintln(os.Stderr, "kms-baseline: health:", http.Serve(listener, mux)) }()
	return nil
}
