package main

import (
	"bytes"
	"context"
	"errors"

	v1beta1 "k8s.io/kms/apis/v1beta1"
	v2 "k8s.io/kms/apis/v2"
)

type serviceV1 struct {
	v1beta1.UnimplementedKeyManagementServiceServer
	transit *transit
}

func (s *serviceV1) Version(context.Context, *v1beta1.VersionRequest) (*v1beta1.VersionResponse, error) {
	return &v1beta1.VersionResponse{Version: "v1beta1", RuntimeName: "vault", RuntimeVersion: "0.0.1"}, nil
}

func (s *serviceV1) Encrypt(ctx context.Context, r *v1beta1.EncryptRequest) (*v1beta1.EncryptResponse, error) {
	ciphertext, _, err := s.transit.encrypt(ctx, r.Plain)
	if err != nil {
		return nil, err
	}
	return &v1beta1.EncryptResponse{Cipher: ciphertext}, nil
}

func (s *serviceV1) Decrypt(ctx context.Context, r *v1beta1.DecryptRequest) (*v1beta1.DecryptResponse, error) {
	plaintext, err := s.transit.decrypt(ctx, r.Cipher)
	if err != nil {
		return nil, err
	}
	return &v1beta1.DecryptResponse{Plain: plaintext}, nil
}

type serviceV2 struct {
	v2.UnimplementedKeyManagementServiceServer
	transit *transit
}

// Four requests: the key, an encryption with its own look at the key, and a decryption.
func (s *serviceV2) Status(ctx context.Context, _ *v2.StatusRequest) (*v2.StatusResponse, error) {
	keyID, err := s.transit.latestVersion(ctx)
	if err != nil {
		return nil, err
	}
	health := "ok"
	if err := s.transit.roundTrip(ctx); err != nil {
		health = "err"
	}
	return &v2.StatusResponse{Version: "v2", Healthz: health, KeyId: keyID}, nil
}

func (s *serviceV2) Encrypt(ctx context.Context, r *v2.EncryptRequest) (*v2.EncryptResponse, error) {
	ciphertext, keyID, err := s.transit.encrypt(ctx, r.Plaintext)
	if err != nil {
		return nil, err
	}
	return &v2.EncryptResponse{Ciphertext: ciphertext, KeyId: keyID}, nil
}

// Key id and annotations of the request are ignored.
func (s *serviceV2) Decrypt(ctx context.Context, r *v2.DecryptRequest) (*v2.DecryptResponse, error) {
	plaintext, err := s.transit.decrypt(ctx, r.Ciphertext)
	if err != nil {
		return nil, err
	}
	return &v2.DecryptResponse{Plaintext: plaintext}, nil
}

var testWord = []byte("ping")

func (t *transit) roundTrip(ctx context.Context) error {
	ciphertext, _, err := t.encrypt(ctx, testWord)
	if err != nil {
		return err
	}
	plaintext, err := t.decrypt(ctx, ciphertext)
	if err != nil {
		return err
	}
	if !bytes.Equal(plaintext, testWord) {
		return errors.New("the round trip gave another word")
	}
	return nil
}
