package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"

	"google.golang.org/grpc"
	v1beta1 "k8s.io/kms/apis/v1beta1"
	v2 "k8s.io/kms/apis/v2"
)

// caller makes one call. False: the call succeeded, and its answer was not what it should have been.
type caller func(ctx context.Context) (bool, error)

// As an API server keeps it for each value that it has encrypted.
type stored struct {
	plaintext   []byte
	ciphertext  []byte
	keyID       string
	annotations map[string][]byte
}

// Makes callers, each with a memory of its own. Does nothing before the plugin answers.
func operations(ctx context.Context, name string, connection *grpc.ClientConn) (func() caller, error) {
	client := v2.NewKeyManagementServiceClient(connection)
	first, err := encrypt(ctx, client, grpc.WaitForReady(true))
	if err != nil {
		return nil, err
	}
	switch name {
	case "encrypt":
		return func() caller {
			return func(ctx context.Context) (bool, error) {
				_, err := encrypt(ctx, client)
				return true, err
			}
		}, nil
	case "decrypt":
		return func() caller {
			return func(ctx context.Context) (bool, error) { return decrypt(ctx, client, first) }
		}, nil
	case "mixed":
		return func() caller { return mixed(connection, first) }, nil
	}
	return nil, fmt.Errorf("-operation %s: give encrypt, decrypt or mixed", name)
}

func encrypt(ctx context.Context, client v2.KeyManagementServiceClient, options ...grpc.CallOption) (stored, error) {
	plaintext := make([]byte, 32)
	if _, err := rand.Read(plaintext); err != nil {
		return stored{}, err
	}
	answer, err := client.Encrypt(ctx, &v2.EncryptRequest{Plaintext: plaintext, Uid: "load"}, options...)
	if err != nil {
		return stored{}, err
	}
	return stored{plaintext, answer.Ciphertext, answer.KeyId, answer.Annotations}, nil
}

func decrypt(ctx context.Context, client v2.KeyManagementServiceClient, s stored) (bool, error) {
	answer, err := client.Decrypt(ctx, &v2.DecryptRequest{
		Ciphertext: s.ciphertext, KeyId: s.keyID, Annotations: s.annotations, Uid: "load",
	})
	if err != nil {
		return false, err
	}
	return bytes.Equal(answer.Plaintext, s.plaintext), nil
}

// How many values a caller remembers: some of them are of key versions long gone.
const memory = 256

// Of a hundred calls one is Status, four are of v1beta1, and of the others half encrypt and half decrypt what any earlier
// call encrypted.
func mixed(connection *grpc.ClientConn, first stored) caller {
	client, older := v2.NewKeyManagementServiceClient(connection), v1beta1.NewKeyManagementServiceClient(connection)
	known := []stored{first}
	pick := func() stored { return known[mathrand.IntN(len(known))] }
	return func(ctx context.Context) (bool, error) {
		switch turn := mathrand.IntN(100); {
		case turn == 0:
			answer, err := client.Status(ctx, &v2.StatusRequest{})
			return err != nil || (answer.Version == "v2" && answer.KeyId != ""), err
		case turn < 5:
			s := pick()
			answer, err := older.Decrypt(ctx, &v1beta1.DecryptRequest{Version: "v1beta1", Cipher: s.ciphertext})
			return err != nil || bytes.Equal(answer.Plain, s.plaintext), err
		case turn < 53:
			s, err := encrypt(ctx, client)
			if err != nil {
				return false, err
			}
			if len(known) < memory {
				known = append(known, s)
			} else {
				known[mathrand.IntN(memory)] = s
			}
			return len(s.ciphertext) > 0 && s.keyID != "", nil
		default:
			return decrypt(ctx, client, pick())
		}
	}
}
