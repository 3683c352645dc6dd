package main

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/vault/api"
)

// addNamespace gives a resource the field "namespace", as later providers have it: below the provider's own namespace.
func addNamespace(resource *schema.Resource) {
	resource.Schema["namespace"] = &schema.Schema{Type: schema.TypeString, Optional: true, ForceNew: true}
	resource.Create = inNamespace(resource.Create)
	resource.Read = inNamespace(resource.Read)
	resource.Update = inNamespace(resource.Update)
	resource.Delete = inNamespace(resource.Delete)
	if exists := resource.Exists; exists != nil {
		resource.Exists = func(d *schema.ResourceData, meta interface{}) (bool, error) {
			client, err := clientOf(d, meta)
			if err != nil {
				return false, err
			}
			return exists(d, client)
		}
	}
}

func inNamespace(operation func(*schema.ResourceData, interface{}) error) func(*schema.ResourceData, interface{}) error {
	if operation == nil {
		return nil
	}
	return func(d *schema.ResourceData, meta interface{}) error {
		client, err := clientOf(d, meta)
		if err != nil {
			return err
		}
		return operation(d, client)
	}
}

func clientOf(d *schema.ResourceData, meta interface{}) (*api.Client, error) {
	client := meta.(*api.Client)
	namespace, ok := d.GetOk("namespace")
	if !ok {
		return client, nil
	}
	inside, err := client.Clone()
	if err != nil {
		return nil, err
	}
	inside.SetNamespace(namespace.(string))
	return inside, nil
}
