package main

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/validation/path"
	"k8s.io/apimachinery/pkg/util/validation"
)

type nameCase struct {
	Rule     string   `json:"rule"`
	Text     string   `json:"text"`
	Messages []string `json:"messages"`
}

// nameCases prints what the rules of names say.
func nameCases() []nameCase {
	rules := []struct {
		name  string
		check func(string) []string
	}{
		{"dns1123Label", validation.IsDNS1123Label},
		{"dns1123Subdomain", validation.IsDNS1123Subdomain},
		{"dns1035Label", validation.IsDNS1035Label},
		{"pathSegment", path.IsValidPathSegmentName},
		{"qualifiedName", func(text string) []string { return validation.IsQualifiedName(text) }},
		{"labelValue", validation.IsValidLabelValue},
		{"envVarName", validation.IsEnvVarName},
		{"configMapKey", validation.IsConfigMapKey},
		{"portName", validation.IsValidPortName},
	}
	texts := []string{"", "a", "A", "a-b", "-a", "a-", "1a", "a.b", "a..b", ".a", "a_b", "a/b", "a/b/c", "/b", "a/", "Ex.com/B_c.d", "ü", "a b", ".", "..", "a%b",
		"http", "1", "80", "a--b", "abcdefghijklmnopq", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 253), strings.Repeat("a", 254),
		"x/" + strings.Repeat("b", 64), strings.Repeat("c.", 127) + "/x", "..data", "_A1", "A-B", "A.B"}
	var cases []nameCase
	for _, rule := range rules {
		for _, text := range texts {
			messages := rule.check(text)
			if messages == nil {
				messages = []string{}
			}
			cases = append(cases, nameCase{rule.name, text, messages})
		}
	}
	return cases
}
