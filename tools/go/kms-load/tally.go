package main

import (
	"regexp"
	"sort"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc/status"
)

// summary is one line of the output. Times are of calls that succeeded.
type summary struct {
	Calls     int     `json:"calls"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"perSecond"`
	P50Ms     float64 `json:"p50Ms"`
	P99Ms     float64 `json:"p99Ms"`
	// Calls that came back with another plaintext than was encrypted.
	Wrong int `json:"wrong"`
	// By gRPC status and the code that begins the text, such as `Unavailable KMS_SEALED`.
	Errors map[string]int `json:"errors"`
	// One text of each.
	Examples map[string]string `json:"examples,omitempty"`
	// Time of the processor that this program took.
	CPUSeconds float64 `json:"cpuSeconds"`
}

type counts struct {
	startedAt time.Time
	cpuBefore float64
	succeeded []time.Duration
	wrong     int
	errors    map[string]int
	examples  map[string]string
}

type tally struct {
	mutex sync.Mutex
	all   counts
	// Since the last interval ended.
	recent counts
}

func newTally() *tally {
	return &tally{all: newCounts(), recent: newCounts()}
}

func newCounts() counts {
	return counts{startedAt: time.Now(), cpuBefore: cpuSeconds(), errors: map[string]int{}, examples: map[string]string{}}
}

func (t *tally) add(took time.Duration, isRight bool, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.all.add(took, isRight, err)
	t.recent.add(took, isRight, err)
}

func (t *tally) summary() summary {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.all.summary()
}

func (t *tally) interval() summary {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	line := t.recent.summary()
	t.recent = newCounts()
	return line
}

// A long run keeps this many times, of the latest calls.
const maxTimes = 2_000_000

func (c *counts) add(took time.Duration, isRight bool, err error) {
	if err != nil {
		kind := kindOf(err)
		c.errors[kind]++
		if c.examples[kind] == "" {
			c.examples[kind] = err.Error()
		}
		return
	}
	if !isRight {
		c.wrong++
	}
	if len(c.succeeded) >= maxTimes {
		c.succeeded = append(c.succeeded[:0], c.succeeded[maxTimes/2:]...)
	}
	c.succeeded = append(c.succeeded, took)
}

func (c *counts) summary() summary {
	seconds := time.Since(c.startedAt).Seconds()
	calls := len(c.succeeded)
	for _, count := range c.errors {
		calls += count
	}
	sort.Slice(c.succeeded, func(i, j int) bool { return c.succeeded[i] < c.succeeded[j] })
	quantile := func(share float64) float64 {
		if len(c.succeeded) == 0 {
			return 0
		}
		return float64(c.succeeded[int(float64(len(c.succeeded)-1)*share)].Microseconds()) / 1000
	}
	return summary{
		Calls: calls, Seconds: seconds, PerSecond: float64(len(c.succeeded)) / seconds,
		P50Ms: quantile(0.5), P99Ms: quantile(0.99),
		Wrong: c.wrong, Errors: c.errors, Examples: c.examples, CPUSeconds: cpuSeconds() - c.cpuBefore,
	}
}

var errorCode = regexp.MustCompile(`^[A-Z][A-Z_]+`)

func kindOf(err error) string {
	told := status.Convert(err)
	if code := errorCode.FindString(told.Message()); code != "" {
		return told.Code().String() + " " + code
	}
	return told.Code().String()
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}
