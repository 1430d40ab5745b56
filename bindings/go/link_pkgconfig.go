//go:build !no_pkgconfig

package userns

// #cgo pkg-config: userns
import "C"
