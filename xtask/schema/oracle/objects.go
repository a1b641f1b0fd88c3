package main

import (
	"bytes"
	"encoding/json"
	"log"
	"maps"
	"math/rand"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
)

type objectCase struct {
	Group    string          `json:"group"`
	Version  string          `json:"version"`
	Kind     string          `json:"kind"`
	JSON     json.RawMessage `json:"json"`
	Protobuf []byte          `json:"protobuf"`
}

var stable = regexp.MustCompile(`^v[0-9]+$`)

// randomObjects encodes a random object of every kind as JSON and as protobuf.
func randomObjects(seeds int) []objectCase {
	serializer := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	var cases []objectCase
	for seed := range seeds {
		random := &filler{rand.New(rand.NewSource(int64(seed))), 0.25}
		if seeds > 1 {
			random.density = 0.1 + 0.8*float64(seed)/float64(seeds)
		}
		all := scheme.Scheme.AllKnownTypes()
		for _, gvk := range slices.SortedFunc(maps.Keys(all), func(a, b schemaKind) int { return strings.Compare(a.String(), b.String()) }) {
			of := all[gvk]
			if !stable.MatchString(gvk.Version) || gvk.Kind == "WatchEvent" || gvk.Group == "imagepolicy.k8s.io" {
				continue
			}
			if strings.HasSuffix(of.PkgPath(), "apis/meta/v1") && (gvk.Group != "" || gvk.Kind == "List") {
				continue
			}
			if seeds == 1 && strings.HasSuffix(gvk.Kind, "List") && gvk.Kind != "ConfigMapList" {
				continue
			}
			object := reflect.New(of).Interface().(runtime.Object)
			random.fill(reflect.ValueOf(object).Elem(), 0)
			object.GetObjectKind().SetGroupVersionKind(gvk)
			text, err := json.Marshal(object)
			must(err)
			var binary bytes.Buffer
			if err := serializer.Encode(object, &binary); err != nil {
				log.Printf("%s has no protobuf form: %v", gvk, err)
				continue
			}
			cases = append(cases, objectCase{gvk.Group, gvk.Version, gvk.Kind, text, binary.Bytes()})
		}
	}
	return cases
}

type filler struct {
	*rand.Rand
	density float64
}

func (f *filler) maybe(depth int) bool {
	chance := f.density
	if depth > 4 {
		chance /= float64(depth - 3)
	}
	return f.Float64() < chance
}

func (f *filler) text() string {
	words := []string{"", "a", "web", "10.0.0.1", "ü-ß→", "with \"quotes\"\n", "x=y,z", strings.Repeat("long ", 30)}
	return words[f.Intn(len(words))]
}

func (f *filler) time() time.Time {
	return time.Unix(f.Int63n(4_000_000_000), 0).UTC()
}

func (f *filler) json() []byte {
	texts := []string{`{"a":1}`, `{"apiVersion":"v1","kind":"X","list":[1,"b",null,true]}`, `{"deep":{"er":{}}}`}
	return []byte(texts[f.Intn(len(texts))])
}

// fill sets a value and what is in it at random.
func (f *filler) fill(v reflect.Value, depth int) {
	switch of := v.Addr().Interface().(type) {
	case *metav1.TypeMeta:
		return
	case *metav1.Time:
		if f.maybe(0) {
			*of = metav1.NewTime(f.time())
		}
		return
	case *metav1.MicroTime:
		if f.maybe(0) {
			*of = metav1.NewMicroTime(f.time().Add(time.Duration(f.Intn(1_000_000)) * time.Microsecond))
		}
		return
	case *metav1.Duration:
		of.Duration = time.Duration(f.Int63n(int64(100 * time.Hour)))
		return
	case *intstr.IntOrString:
		*of = intstr.FromInt32(int32(f.Intn(70000)) - 100)
		if f.Intn(2) == 0 {
			*of = intstr.FromString(f.text())
		}
		return
	case *resource.Quantity:
		texts := []string{"0", "100m", "1", "1500m", "128Mi", "1Gi", "2e3", "-5", "1234567890", "3n"}
		*of = resource.MustParse(texts[f.Intn(len(texts))])
		return
	case *runtime.RawExtension:
		if f.maybe(0) {
			of.Raw = f.json()
		}
		return
	case *metav1.FieldsV1:
		of.Raw = []byte(`{"f:metadata":{"f:labels":{".":{},"f:a":{}}}}`)
		return
	case *apiextensions.JSON:
		of.Raw = f.json()
		return
	case *apiextensions.JSONSchemaPropsOrBool:
		of.Allows = f.Intn(2) == 0
		if of.Allows && f.maybe(depth) {
			of.Schema = &apiextensions.JSONSchemaProps{Type: "string"}
		}
		return
	case *apiextensions.JSONSchemaPropsOrArray:
		of.Schema = &apiextensions.JSONSchemaProps{Type: "integer"}
		if f.Intn(2) == 0 {
			*of = apiextensions.JSONSchemaPropsOrArray{JSONSchemas: []apiextensions.JSONSchemaProps{{Type: "boolean"}, {ID: "b"}}}
		}
		return
	case *apiextensions.JSONSchemaPropsOrStringArray:
		of.Schema = &apiextensions.JSONSchemaProps{Type: "integer"}
		if f.Intn(2) == 0 {
			*of = apiextensions.JSONSchemaPropsOrStringArray{Property: []string{"a", "b"}}
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		if f.maybe(0) {
			v.SetString(f.text())
		}
	case reflect.Bool:
		v.SetBool(f.maybe(0))
	case reflect.Int32:
		if f.maybe(0) {
			v.SetInt(int64(int32(f.Uint32())))
		}
	case reflect.Int64, reflect.Int:
		if f.maybe(0) {
			v.SetInt(int64(f.Uint64()))
		}
	case reflect.Float64:
		v.SetFloat(float64(f.Intn(1000)) / 4)
	case reflect.Pointer:
		if f.maybe(depth) {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth+1)
			// A pointer to a zero time prints as null: JSON cannot tell it from none.
			if zero, ok := v.Interface().(interface{ IsZero() bool }); ok && zero.IsZero() {
				v.SetZero()
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if f.maybe(0) {
				v.SetBytes([]byte(f.text()))
			}
			return
		}
		if f.maybe(depth) {
			count := 1 + f.Intn(2)
			v.Set(reflect.MakeSlice(v.Type(), count, count))
			for i := range count {
				f.fill(v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if f.maybe(depth) {
			v.Set(reflect.MakeMap(v.Type()))
			for _, key := range []string{"b", "a.example.com/x"}[f.Intn(2):] {
				value := reflect.New(v.Type().Elem()).Elem()
				f.fill(value, depth+1)
				if value.Kind() == reflect.Slice && value.IsNil() {
					value.Set(reflect.MakeSlice(value.Type(), 0, 0))
				}
				v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), value)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Tag.Get("json") != "-" {
				f.fill(v.Field(i), depth+1)
			}
		}
	}
}
