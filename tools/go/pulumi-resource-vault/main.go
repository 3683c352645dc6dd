// Command pulumi-resource-vault is the Vault provider of the tests: the Terraform provider that the Go module proxy
// serves, under Pulumi's bridge, with the type tokens that @pulumi/vault writes. The machines of users have the official
// plugin, which no registry serves in a form that could be built here.
package main

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-provider-vault/vault"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// version is that of the Terraform provider inside.
const version = "3.3.1"

// typeTokens has the resources that the project uses, by their Terraform names.
var typeTokens = map[string]string{
	"vault_approle_auth_backend_role":           "vault:appRole/authBackendRole:AuthBackendRole",
	"vault_approle_auth_backend_role_secret_id": "vault:appRole/authBackendRoleSecretId:AuthBackendRoleSecretId",
	"vault_audit":                          "vault:index/audit:Audit",
	"vault_auth_backend":                   "vault:index/authBackend:AuthBackend",
	"vault_cert_auth_backend_role":         "vault:index/certAuthBackendRole:CertAuthBackendRole",
	"vault_jwt_auth_backend":               "vault:jwt/authBackend:AuthBackend",
	"vault_jwt_auth_backend_role":          "vault:jwt/authBackendRole:AuthBackendRole",
	"vault_kubernetes_auth_backend_config": "vault:kubernetes/authBackendConfig:AuthBackendConfig",
	"vault_kubernetes_auth_backend_role":   "vault:kubernetes/authBackendRole:AuthBackendRole",
	"vault_kv_secret_backend_v2":           "vault:kv/secretBackendV2:SecretBackendV2",
	"vault_mount":                          "vault:index/mount:Mount",
	"vault_namespace":                      "vault:index/namespace:Namespace",
	"vault_policy":                         "vault:index/policy:Policy",
	"vault_quota_rate_limit":               "vault:index/quotaRateLimit:QuotaRateLimit",
	"vault_token":                          "vault:index/token:Token",
	"vault_token_auth_backend_role":        "vault:tokenauth/authBackendRole:AuthBackendRole",
	"vault_transit_secret_backend_key":     "vault:transit/secretBackendKey:SecretBackendKey",
}

func main() {
	provider := vault.Provider()
	provider.ResourcesMap["vault_kv_secret_backend_v2"] = kvVersion2Config()
	wanted := map[string]*schema.Resource{}
	resources := map[string]*tfbridge.ResourceInfo{}
	for name, token := range typeTokens {
		resource := provider.ResourcesMap[name]
		if extension, ok := extensions[name]; ok {
			extension.addTo(resource)
		}
		addNamespace(resource)
		wanted[name] = resource
		resources[name] = &tfbridge.ResourceInfo{Tok: tokens.Type(token)}
	}
	provider.ResourcesMap = wanted
	const lookUp = "vault_auth_backend"
	dataSource := provider.DataSourcesMap[lookUp]
	addNamespace(dataSource)
	provider.DataSourcesMap = map[string]*schema.Resource{lookUp: dataSource}
	info := tfbridge.ProviderInfo{
		P: shim.NewProvider(provider), Name: "vault", Version: version, Resources: resources,
		DataSources: map[string]*tfbridge.DataSourceInfo{lookUp: {Tok: "vault:index/getAuthBackend:getAuthBackend"}},
	}
	tfbridge.Main("vault", version, info, []byte(`{"name":"vault"}`))
}
