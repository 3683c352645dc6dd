// Command kms-baseline is a Kubernetes KMS plugin that was written to be compared with: it sends to Vault exactly the
// requests that vault-kubernetes-kms sends, one after the other and by the official client, and takes the flags and
// variables of it that benchmarks and tests need. It is no copy of that plugin and nothing to run in a cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	v1beta1 "k8s.io/kms/apis/v1beta1"
	v2 "k8s.io/kms/apis/v2"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "kms-baseline:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	settings, err := readOptions(args)
	if err != nil {
		return err
	}
	transit, err := connect(settings)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	go transit.keepToken(ctx, settings.refreshInterval, settings.renewalSeconds)

	listener, err := listen(settings)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	if !settings.disableV1 {
		v1beta1.RegisterKeyManagementServiceServer(server, &serviceV1{transit: transit})
	}
	if !settings.disableV2 {
		v2.RegisterKeyManagementServiceServer(server, &serviceV2{transit: transit})
	}
	if err := serveHealth(settings.healthPort, transit); err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		// GracefulStop waits for calls without end, for example those to a Vault that hangs.
		time.AfterFunc(5*time.Second, server.Stop)
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

// An existing file ends the start, unless -force-socket-overwrite removes it, whatever it is: as in vault-kubernetes-kms.
func listen(settings options) (net.Listener, error) {
	path, ok := strings.CutPrefix(settings.socket, "unix://")
	if !ok {
		return nil, fmt.Errorf("-socket %s: write it as unix:///path", settings.socket)
	}
	if settings.forceOverwrite {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}
