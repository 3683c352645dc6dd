// Command kms-load calls a Kubernetes KMS plugin over its socket as an API server does, as fast as it answers, and prints
// what it saw as JSON: one line an interval if asked, and the whole as the last line.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

type options struct {
	socket    string
	callers   int
	operation string
	timeout   time.Duration
	warmup    time.Duration
	duration  time.Duration
	interval  time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.socket, "socket", "", "path of the plugin's socket")
	flag.IntVar(&o.callers, "callers", 1, "calls at once")
	flag.StringVar(&o.operation, "operation", "encrypt", "encrypt, decrypt, or mixed: both and Status, of v1beta1 and v2")
	flag.DurationVar(&o.timeout, "timeout", 3*time.Second, "of a call; an API server's default is 3 s")
	flag.DurationVar(&o.warmup, "warmup", 0, "calls before those that count")
	flag.DurationVar(&o.duration, "duration", time.Second, "how long; an interrupt ends it earlier")
	flag.DurationVar(&o.interval, "interval", 0, "a line for each; 0: only the last one")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "kms-load:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	connection, err := grpc.NewClient("unix://"+o.socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	newCaller, err := operations(ctx, o.operation, connection)
	if err != nil {
		return err
	}
	if o.warmup > 0 {
		drive(ctx, o, newCaller, newTally(), o.warmup)
	}
	total := newTally()
	stopPrinting := func() {}
	if o.interval > 0 {
		stopPrinting = printEach(o.interval, total)
	}
	drive(ctx, o, newCaller, total, o.duration)
	// Before the last line is made, which takes a while after a long run.
	stopPrinting()
	return json.NewEncoder(os.Stdout).Encode(total.summary())
}

// Lets every caller call again and again until the time is over, and waits for the last answers.
func drive(ctx context.Context, o options, newCaller func() caller, seen *tally, duration time.Duration) {
	until := time.Now().Add(duration)
	var callers sync.WaitGroup
	for range o.callers {
		callers.Add(1)
		go func() {
			defer callers.Done()
			call := newCaller()
			for time.Now().Before(until) && ctx.Err() == nil {
				limited, cancel := context.WithTimeout(context.Background(), o.timeout)
				startedAt := time.Now()
				isRight, err := call(limited)
				seen.add(time.Since(startedAt), isRight, err)
				cancel()
			}
		}()
	}
	callers.Wait()
}

// Starts to print a line each interval; the result ends it, and waits for the line that is being printed.
func printEach(interval time.Duration, seen *tally) func() {
	ticker := time.NewTicker(interval)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ticker.C:
				// Nobody reads any more: the calls go on, and the last line tells the same.
				_ = json.NewEncoder(os.Stdout).Encode(seen.interval())
			case <-stop:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(stop)
		<-stopped
	}
}
