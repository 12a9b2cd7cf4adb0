// Package slug makes slugs.
package slug

import "strings"

func Slug(text string) string { return strings.Join(strings.Fields(strings.ToLower(text)), "-") }
