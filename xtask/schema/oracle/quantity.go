package main

import (
	"math/rand"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

type quantityCase struct {
	Text      string `json:"text"`
	Canonical string `json:"canonical,omitempty"`
	Error     string `json:"error,omitempty"`
	Value     int64  `json:"value"`
	Milli     int64  `json:"milli"`
	Sum       string `json:"sum,omitempty"`
}

// quantityCases prints what quantities become; sum is the quantity plus the one of the line before.
func quantityCases() []quantityCase {
	texts := []string{"", "0", "00", "01", "+1", "-1", "1.", ".5", ".", "-", "1e3", "1E3", "1E", "1e", "1e-3", "2e9", "1Ki", "1.5Ki", "0.5Gi", "0.1Gi",
		"1000Ki", "1001Ki", "1024", "1024Ki", "1048576", "1024Mi", "100m", "1000m", "1500m", "0.5", "0.001", "0.0001", "1n", "0.1n", "999999999", "1000000000",
		"1k", "1000k", "12M", "1.5G", "9223372036854775807", "9223372036854775808", "1Ei", "8Ei", "16Ei", "1.500", "1.5000", "12000", "1.1i", "1Zi", "1 ", " 1",
		"abc", "1mm", "1.2.3", "--1", "1e1.5", "5e-9", "1e-9", "123456789012345678", "1234567890123456789", "0.000000001", "0.0000000001", "-0.5", "-1.5Gi",
		"0Ki", "0.0", "0m", "1u", "1000u", "3e2", "300", "1_000", "0x10", "1Gi1", "7Pi", "4026532Ki", "50m", "64Mi", "2500e-3", "1e18", "1E6"}
	random := rand.New(rand.NewSource(1))
	for range 300 {
		digits := "0123456789"
		var text strings.Builder
		text.WriteString([]string{"", "", "", "-", "+"}[random.Intn(5)])
		for range random.Intn(8) {
			text.WriteByte(digits[random.Intn(10)])
		}
		if random.Intn(2) == 0 {
			text.WriteByte('.')
			for range random.Intn(6) {
				text.WriteByte(digits[random.Intn(10)])
			}
		}
		suffixes := []string{"", "", "n", "u", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e2", "e-3", "E5", "e10"}
		text.WriteString(suffixes[random.Intn(len(suffixes))])
		texts = append(texts, text.String())
	}
	var cases []quantityCase
	last := resource.Quantity{Format: resource.DecimalSI}
	for _, text := range texts {
		quantity, err := resource.ParseQuantity(text)
		if err != nil {
			cases = append(cases, quantityCase{Text: text, Error: err.Error()})
			continue
		}
		one := quantityCase{Text: text, Canonical: quantity.String(), Value: quantity.Value(), Milli: quantity.MilliValue()}
		sum := quantity.DeepCopy()
		sum.Add(last)
		one.Sum = sum.String()
		last = quantity
		cases = append(cases, one)
	}
	return cases
}
