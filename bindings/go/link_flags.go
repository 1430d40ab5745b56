//go:build no_pkgconfig

package userns

// CGO_CFLAGS and CGO_LDFLAGS tell where the header and the library are.

// #cgo LDFLAGS: -luserns
import "C"
