package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const header = "// Made by `cargo xtask regenerate` from the facts of Kubernetes v1.37.1. Do not edit.\n\n"

// renderTypes writes one static per structure.
func renderTypes(m *model) string {
	var out strings.Builder
	out.WriteString(header)
	out.WriteString("use super::{field, inner, wire};\nuse crate::schema::{Choice, List, ListKind, Map, Shape, Struct, TypeRef};\n\n")
	for at, one := range m.order {
		fmt.Fprintf(&out, "pub(super) static S%d: Struct = Struct { name: %s, atomic: %t, fields: &[", at, quote(one.name), one.atomic)
		for _, f := range one.fields {
			fmt.Fprintf(&out, "\n    field(%s, %s, %s, %s)%s,", quote(f.name), f.shape, quote(f.goType), flags(f), options(f))
		}
		if len(one.fields) > 0 {
			out.WriteString("\n")
		}
		out.WriteString("], wire: &[")
		for i, w := range one.wire {
			if i > 0 {
				out.WriteString(", ")
			}
			if w.embedded != "" {
				fmt.Fprintf(&out, "inner(%d, TypeRef(&%s), %t)", w.number, w.embedded, w.pointer)
				continue
			}
			index := slices.IndexFunc(one.fields, func(f field) bool { return f.name == w.field })
			fmt.Fprintf(&out, "wire(%d, %d)", w.number, index)
		}
		out.WriteString("] };\n")
	}
	return out.String()
}

// flags packs required, pointer, omit-empty and atomic into a word of letters.
func flags(f field) string {
	letters := ""
	for _, one := range []struct {
		set    bool
		letter string
	}{{f.required, "r"}, {f.pointer, "p"}, {f.omitEmpty, "o"}, {f.atomic, "a"}} {
		if one.set {
			letters += one.letter
		}
	}
	return quote(letters)
}

func options(f field) string {
	text := ""
	if f.def != "" {
		text += ".default(" + quote(f.def) + ")"
	}
	if len(f.strategy) > 0 || f.mergeKey != "" {
		text += fmt.Sprintf(".patch(%t, %t, %t, %s)", slices.Contains(f.strategy, "merge"), slices.Contains(f.strategy, "retainKeys"),
			slices.Contains(f.strategy, "replace"), quote(f.mergeKey))
	}
	return text
}

// renderKinds writes the resources and the top-level types.
func renderKinds(m *model, kinds []served, tops []top, versions []groupVersion) string {
	find := func(group, version, kind string) (int, bool) {
		for _, one := range tops {
			if one.group == group && one.version == version && one.kind == kind {
				return one.index, true
			}
		}
		return 0, false
	}
	var out strings.Builder
	out.WriteString(header)
	out.WriteString("use super::types::*;\nuse crate::registry::{Kind, Subresource};\nuse crate::schema::TypeRef;\n\n")
	out.WriteString("pub(crate) static KINDS: &[Kind] = &[\n")
	for _, one := range kinds {
		index, ok := find(one.gv.group, one.gv.version, one.Kind)
		if !ok {
			fail("%s has no type %s", one.gv, one.Kind)
		}
		listKind := ""
		if _, ok := find(one.gv.group, one.gv.version, one.Kind+"List"); ok && slices.Contains(one.Verbs, "list") {
			listKind = one.Kind + "List"
		}
		fmt.Fprintf(&out, "    Kind { group: %s, version: %s, kind: %s, list_kind: %s, plural: %s, singular: %s, short_names: %s, categories: %s, namespaced: %t,\n",
			quote(one.gv.group), quote(one.gv.version), quote(one.Kind), quote(listKind), quote(one.Name), quote(one.SingularName),
			list(one.ShortNames), list(one.Categories), one.Namespaced)
		fmt.Fprintf(&out, "        schema: TypeRef(&S%d), verbs: %s, preferred: %t, storage: %t, subresources: &[", index, list(one.Verbs), one.preferred, one.storage)
		for _, sub := range one.subresources {
			group, version := one.gv.group, one.gv.version
			if sub.Version != "" {
				group, version = sub.Group, sub.Version
			}
			schema := "None"
			if index, ok := find(group, version, sub.Kind); ok {
				schema = fmt.Sprintf("Some(TypeRef(&S%d))", index)
			}
			fmt.Fprintf(&out, "\n            Subresource { name: %s, group: %s, version: %s, kind: %s, verbs: %s, schema: %s },",
				quote(sub.Name), quote(group), quote(version), quote(sub.Kind), list(sub.Verbs), schema)
		}
		out.WriteString("] },\n")
	}
	out.WriteString("];\n\n/// Group, version, kind and type, in that order.\npub(crate) static TOP_LEVEL: &[(&str, &str, &str, TypeRef)] = &[\n")
	for _, one := range tops {
		fmt.Fprintf(&out, "    (%s, %s, %s, TypeRef(&S%d)),\n", quote(one.group), quote(one.version), quote(one.kind), one.index)
	}
	out.WriteString("];\n")
	return out.String()
}

// quote writes a Rust text literal; JSON texts with quotation marks become raw literals.
func quote(text string) string {
	if strings.ContainsAny(text, `"\`) {
		return `r#"` + text + `"#`
	}
	return strconv.Quote(text)
}

func list(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	return "&[" + strings.Join(quoted, ", ") + "]"
}
