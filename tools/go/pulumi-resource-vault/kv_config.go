package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/vault/api"
)

// A new mount of version 2 refuses requests until it has set itself up.
const (
	upgradeAttempts = 50
	upgradePause    = 200 * time.Millisecond
)

// kvVersion2Config is the configuration of a KV mount, which the Terraform provider of that time had not.
func kvVersion2Config() *schema.Resource {
	return &schema.Resource{
		Create: kvConfigWrite,
		Update: kvConfigWrite,
		Read:   kvConfigRead,
		Delete: func(*schema.ResourceData, interface{}) error { return nil },
		Schema: map[string]*schema.Schema{
			"mount":                {Type: schema.TypeString, Required: true, ForceNew: true},
			"max_versions":         {Type: schema.TypeInt, Optional: true, Computed: true},
			"cas_required":         {Type: schema.TypeBool, Optional: true, Computed: true},
			"delete_version_after": {Type: schema.TypeInt, Optional: true, Computed: true},
		},
	}
}

func kvConfigWrite(d *schema.ResourceData, meta interface{}) error {
	path := d.Get("mount").(string) + "/config"
	body := map[string]interface{}{
		"max_versions":         d.Get("max_versions"),
		"cas_required":         d.Get("cas_required"),
		"delete_version_after": fmt.Sprintf("%ds", d.Get("delete_version_after")),
	}
	err := kvReady(func() error {
		_, err := meta.(*api.Client).Logical().Write(path, body)
		return err
	})
	if err != nil {
		return err
	}
	d.SetId(path)
	return kvConfigRead(d, meta)
}

func kvConfigRead(d *schema.ResourceData, meta interface{}) error {
	answer, err := meta.(*api.Client).Logical().Read(d.Id())
	if err != nil {
		return err
	}
	if answer == nil {
		d.SetId("")
		return nil
	}
	after, err := wholeSeconds(answer.Data["delete_version_after"])
	if err != nil {
		return err
	}
	return firstError(
		func() error { return d.Set("mount", strings.TrimSuffix(d.Id(), "/config")) },
		func() error { return d.Set("max_versions", answer.Data["max_versions"]) },
		func() error { return d.Set("cas_required", answer.Data["cas_required"]) },
		func() error { return d.Set("delete_version_after", after) })
}

func kvReady(request func() error) error {
	var err error
	for attempt := 0; attempt < upgradeAttempts; attempt++ {
		if err = request(); err == nil || !strings.Contains(err.Error(), "Upgrading from non-versioned") {
			return err
		}
		time.Sleep(upgradePause)
	}
	return err
}
