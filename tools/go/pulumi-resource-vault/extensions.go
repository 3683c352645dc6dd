package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/vault/api"
)

// extension adds fields that Vault has and the Terraform provider of that time had not.
type extension struct {
	fields []string
	// with are further fields that the same request must carry.
	with []string
	// write and read are the paths of the requests.
	write, read func(d *schema.ResourceData) string
}

var extensions = map[string]extension{
	"vault_transit_secret_backend_key": {
		fields: []string{"auto_rotate_period"},
		write:  func(d *schema.ResourceData) string { return d.Id() + "/config" },
		read:   func(d *schema.ResourceData) string { return d.Id() },
	},
	"vault_quota_rate_limit": {
		fields: []string{"interval", "block_interval"},
		with:   []string{"path", "rate"},
		write:  quotaPath,
		read:   quotaPath,
	},
}

func quotaPath(d *schema.ResourceData) string {
	return "sys/quotas/rate-limit/" + d.Get("name").(string)
}

func (e extension) addTo(resource *schema.Resource) {
	for _, field := range e.fields {
		resource.Schema[field] = &schema.Schema{Type: schema.TypeInt, Optional: true, Computed: true}
	}
	create, read, update := resource.Create, resource.Read, resource.Update
	resource.Create = func(d *schema.ResourceData, meta interface{}) error {
		return firstError(
			func() error { return create(d, meta) },
			func() error { return e.writeFields(d, meta) },
			func() error { return e.readFields(d, meta) })
	}
	resource.Update = func(d *schema.ResourceData, meta interface{}) error {
		return firstError(
			func() error { return update(d, meta) },
			func() error { return e.writeFields(d, meta) },
			func() error { return e.readFields(d, meta) })
	}
	resource.Read = func(d *schema.ResourceData, meta interface{}) error {
		return firstError(
			func() error { return read(d, meta) },
			func() error { return e.readFields(d, meta) })
	}
}

func (e extension) writeFields(d *schema.ResourceData, meta interface{}) error {
	body := map[string]interface{}{}
	for _, field := range e.fields {
		if value, ok := d.GetOk(field); ok {
			body[field] = value
		}
	}
	if len(body) == 0 {
		return nil
	}
	for _, field := range e.with {
		body[field] = d.Get(field)
	}
	_, err := meta.(*api.Client).Logical().Write(e.write(d), body)
	return err
}

func (e extension) readFields(d *schema.ResourceData, meta interface{}) error {
	if d.Id() == "" {
		return nil
	}
	answer, err := meta.(*api.Client).Logical().Read(e.read(d))
	if err != nil || answer == nil {
		return err
	}
	for _, field := range e.fields {
		seconds, err := wholeSeconds(answer.Data[field])
		if err != nil {
			return err
		}
		if err := d.Set(field, seconds); err != nil {
			return err
		}
	}
	return nil
}

// wholeSeconds reads a number of seconds, or a duration such as "1h0m0s".
func wholeSeconds(value interface{}) (int, error) {
	text := fmt.Sprint(value)
	if strings.HasSuffix(text, "s") {
		duration, err := time.ParseDuration(text)
		return int(duration.Seconds()), err
	}
	var seconds int
	_, err := fmt.Sscan(text, &seconds)
	return seconds, err
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
