package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/vault/api"
)

// transit is one key of a transit engine, asked by the official client as it is by default.
type transit struct {
	client *api.Client
	login  func(ctx context.Context) error
	mount  string
	key    string
}

// Logs in, and looks the token up: without Vault there is no start.
func connect(o options) (*transit, error) {
	config := api.DefaultConfig()
	if config.Error != nil {
		return nil, config.Error
	}
	config.Address = o.vaultAddress
	if o.vaultCaCert != "" {
		if err := config.ConfigureTLS(&api.TLSConfig{CACert: o.vaultCaCert}); err != nil {
			return nil, err
		}
	}
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	if o.vaultNamespace != "" {
		client.SetNamespace(o.vaultNamespace)
	}
	t := &transit{client: client, mount: o.transitMount, key: o.transitKey}
	t.login = t.loginWith(o)
	ctx := context.Background()
	if err := t.login(ctx); err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	if _, err := client.Auth().Token().LookupSelfWithContext(ctx); err != nil {
		return nil, fmt.Errorf("looking up the token: %w", err)
	}
	return t, nil
}

func (t *transit) loginWith(o options) func(ctx context.Context) error {
	if o.authMethod == "token" {
		return func(context.Context) error {
			t.client.SetToken(o.token)
			return nil
		}
	}
	return func(ctx context.Context) error {
		body := map[string]any{"role_id": o.appRoleID, "secret_id": o.appRoleSecretID}
		answer, err := t.client.Logical().WriteWithContext(ctx, "auth/"+o.appRoleMount+"/login", body)
		if err != nil {
			return err
		}
		if answer == nil || answer.Auth == nil {
			return errors.New("the login gave no token")
		}
		t.client.SetToken(answer.Auth.ClientToken)
		return nil
	}
}

// The key id is asked for after the encryption, so a rotation in between gives another one: as in vault-kubernetes-kms.
func (t *transit) encrypt(ctx context.Context, plaintext []byte) (ciphertext []byte, keyID string, err error) {
	text, err := t.write(ctx, "encrypt", "plaintext", base64.StdEncoding.EncodeToString(plaintext), "ciphertext")
	if err != nil {
		return nil, "", err
	}
	keyID, err = t.latestVersion(ctx)
	return []byte(text), keyID, err
}

func (t *transit) decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	text, err := t.write(ctx, "decrypt", "ciphertext", string(ciphertext), "plaintext")
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}

// The bare number of the newest version.
func (t *transit) latestVersion(ctx context.Context) (string, error) {
	answer, err := t.client.Logical().ReadWithContext(ctx, t.mount+"/keys/"+t.key)
	if err != nil {
		return "", err
	}
	if answer == nil {
		return "", errors.New("there is no such transit key")
	}
	version, ok := answer.Data["latest_version"].(json.Number)
	if !ok {
		return "", errors.New("the transit key has no latest_version")
	}
	return version.String(), nil
}

func (t *transit) write(ctx context.Context, operation, member, value, wanted string) (string, error) {
	answer, err := t.client.Logical().WriteWithContext(ctx, t.mount+"/"+operation+"/"+t.key, map[string]any{member: value})
	if err != nil {
		return "", err
	}
	if answer == nil {
		return "", fmt.Errorf("%s gave no answer", operation)
	}
	text, ok := answer.Data[wanted].(string)
	if !ok {
		return "", fmt.Errorf("the answer of %s has no %s", operation, wanted)
	}
	return text, nil
}
