package main

import (
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

type selectorCase struct {
	Kind    string `json:"kind"`
	Text    string `json:"text"`
	Valid   bool   `json:"valid"`
	Error   string `json:"error,omitempty"`
	Matches []bool `json:"matches,omitempty"`
}

// selectorCases says which of the label sets (or field sets) below fit each selector.
func selectorCases() []selectorCase {
	sets := []map[string]string{{}, {"a": "b"}, {"a": "c", "tier": "web"}, {"n": "5"}, {"a": "", "x/y": "z"}, {"n": "x", "a": "b"}}
	var cases []selectorCase
	for _, text := range []string{"", "a=b", "a==b", "a!=b", "a in (b,c)", "a notin (b)", "a", "!a", "a,!tier", "n>3", "n<3", "n > 4", "x/y=z", "a=", "a in ()",
		"a in (b", "a=b,", ",", "a b", "a=b c", "in", "in in (in)", "notin", "a in (,b)", "=b", "!", "a=b=c", " a = b , tier ", "a in ( b , c )", "-a", "a=-b", "n>x", "a!", "a=!b",
		"a notin (b,c),tier", "x/y/z=1", "a in (b,b)", "a>", "a,a=b", "!a,!a", "a=b,a=c"} {
		one := selectorCase{Kind: "label", Text: text}
		selector, err := labels.Parse(text)
		if err != nil {
			one.Error = err.Error()
		} else {
			one.Valid = true
			for _, set := range sets {
				one.Matches = append(one.Matches, selector.Matches(labels.Set(set)))
			}
		}
		cases = append(cases, one)
	}
	for _, text := range []string{"", "a=b", "a==b", "a!=b", "a=b,tier=web", "a", "a=", "a!=", "n=5", "a=b\\,c", "a=b\\=c", "a=b\\x", "a=b=c", ",", "a=b,", "=b", "tier!=web,a!=b"} {
		one := selectorCase{Kind: "field", Text: text}
		selector, err := fields.ParseSelector(text)
		if err != nil {
			one.Error = err.Error()
		} else {
			one.Valid = true
			for _, set := range sets {
				one.Matches = append(one.Matches, selector.Matches(fields.Set(set)))
			}
		}
		cases = append(cases, one)
	}
	return cases
}
