package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Looks at the token every interval: renews it in the second half of its life, and logs in where that fails.
func (t *transit) keepToken(ctx context.Context, interval time.Duration, renewalSeconds int) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := t.refreshToken(ctx, renewalSeconds); err != nil {
				fmt.Fprintln(os.Stderr, "kms-baseline: token:", err)
			}
		}
	}
}

func (t *transit) refreshToken(ctx context.Context, renewalSeconds int) error {
	tokens := t.client.Auth().Token()
	found, err := tokens.LookupSelfWithContext(ctx)
	if err != nil {
		return t.login(ctx)
	}
	left, err := found.TokenTTL()
	if err != nil || left == 0 {
		return err
	}
	full, err := number(found.Data["creation_ttl"])
	if err != nil || left.Seconds() >= full/2 {
		return err
	}
	if _, err := tokens.RenewSelfWithContext(ctx, renewalSeconds); err != nil {
		return t.login(ctx)
	}
	return nil
}

func number(value any) (float64, error) {
	text, ok := value.(interface{ Float64() (float64, error) })
	if !ok {
		return 0, fmt.Errorf("%v is no number", value)
	}
	return text.Float64()
}
