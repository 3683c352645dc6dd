package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"
)

type options struct {
	socket          string
	forceOverwrite  bool
	vaultAddress    string
	vaultNamespace  string
	vaultCaCert     string
	authMethod      string
	token           string
	appRoleMount    string
	appRoleID       string
	appRoleSecretID string
	transitMount    string
	transitKey      string
	healthPort      int
	disableV1       bool
	disableV2       bool
	refreshInterval time.Duration
	renewalSeconds  int
}

const prefix = "VAULT_KMS_"

// A flag counts before its variable, the variable before the default.
func readOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("kms-baseline", flag.ContinueOnError)
	flags.StringVar(&o.socket, "socket", fromEnv("unix:///opt/kms/vaultkms.socket", "SOCKET"), "unix:///path")
	flags.BoolVar(&o.forceOverwrite, "force-socket-overwrite", isSet("FORCE_SOCKET_OVERWRITE"), "remove what is there")
	flags.StringVar(&o.vaultAddress, "vault-address", fromEnv(os.Getenv("VAULT_ADDR"), "VAULT_ADDR"), "address of Vault")
	flags.StringVar(&o.vaultNamespace, "vault-namespace", fromEnv("", "VAULT_NAMESPACE"), "namespace")
	flags.StringVar(&o.vaultCaCert, "vault-ca-cert", fromEnv(os.Getenv("VAULT_CACERT"), "VAULT_CACERT"), "file with the CA")
	flags.StringVar(&o.authMethod, "auth-method", fromEnv("", "AUTH_METHOD"), "token or approle")
	flags.StringVar(&o.token, "token", fromEnv(os.Getenv("VAULT_TOKEN"), "TOKEN", "VAULT_TOKEN"), "token; prefer the variable")
	flags.StringVar(&o.appRoleMount, "approle-mount", fromEnv("approle", "APPROLE_MOUNT"), "mount of AppRole")
	flags.StringVar(&o.appRoleID, "approle-role-id", fromEnv("", "APPROLE_ROLE_ID"), "role id")
	flags.StringVar(&o.appRoleSecretID, "approle-secret-id", fromEnv("", "APPROLE_SECRET_ID"), "secret id; prefer the variable")
	flags.StringVar(&o.transitMount, "transit-mount", fromEnv("transit", "TRANSIT_MOUNT"), "mount of transit")
	flags.StringVar(&o.transitKey, "transit-key", fromEnv("kms", "TRANSIT_KEY"), "name of the key")
	flags.BoolVar(&o.disableV1, "disable-v1", isSet("DISABLE_V1"), "do not serve v1beta1")
	flags.BoolVar(&o.disableV2, "disable-v2", isSet("DISABLE_V2"), "do not serve v2")
	flags.Bool("debug", isSet("DEBUG"), "no effect")
	healthPort := flags.String("health-port", fromEnv("8080", "HEALTH_PORT"), "port of /health and /live")
	refresh := flags.String("token-refresh-interval", fromEnv("60s", "TOKEN_REFRESH_INTERVAL"), "between two looks at the token")
	renewal := flags.String("token-renewal", fromEnv("3600", "TOKEN_RENEWAL_SECONDS"), "seconds to ask for")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var errs [3]error
	o.healthPort, errs[0] = strconv.Atoi(*healthPort)
	o.refreshInterval, errs[1] = time.ParseDuration(*refresh)
	o.renewalSeconds, errs[2] = strconv.Atoi(*renewal)
	return o, errors.Join(errs[0], errs[1], errs[2], o.check())
}

func (o options) check() error {
	switch {
	case o.vaultAddress == "":
		return errors.New("-vault-address is required")
	case o.disableV1 && o.disableV2:
		return errors.New("-disable-v1 and -disable-v2 leave nothing to serve")
	case o.authMethod == "token" && o.token == "":
		return errors.New("-auth-method token needs -token or its variable")
	case o.authMethod == "approle" && (o.appRoleID == "" || o.appRoleSecretID == ""):
		return errors.New("-auth-method approle needs role id and secret id")
	case o.authMethod != "token" && o.authMethod != "approle":
		return fmt.Errorf("-auth-method %q: give token or approle", o.authMethod)
	}
	return nil
}

func fromEnv(otherwise string, names ...string) string {
	for _, name := range names {
		if value := os.Getenv(prefix + name); value != "" {
			return value
		}
	}
	return otherwise
}

func isSet(name string) bool {
	value, err := strconv.ParseBool(os.Getenv(prefix + name))
	return err == nil && value
}
