package userns

// #include <userns.h>
import "C"

import (
	"syscall"
	"unsafe"
)

// ProbeOptions select what a probe tries. The zero value is all steps, with all namespaces made by one call.
type ProbeOptions struct {
	Flags ProbeFlags
	Steps Steps // with those that they include; 0 means all
}

// Reason is a reason why a step of a probe fails.
type Reason struct {
	Kind     ReasonKind
	IsProved bool   // by an experiment or a file; otherwise it is likely
	Text     string // a sentence without a final full stop
}

// ProbeResult is what came of a probe.
type ProbeResult struct {
	Tried      Steps
	Worked     Steps         // of these
	FailedStep Steps         // the first step that failed; 0 if none did
	Errno      syscall.Errno // of that step
	Reasons    []Reason      // those that are proved first
}

// Probe finds out whether the calling thread can make a user namespace and use it, and if not, why. Nil options are the
// zero value. An error is an *Error; that a step fails is none.
func Probe(options *ProbeOptions) (ProbeResult, error) {
	if options == nil {
		options = &ProbeOptions{}
	}
	cOptions := C.struct_userns_probe_options{
		size:  C.sizeof_struct_userns_probe_options,
		flags: C.uint32_t(options.Flags),
		steps: C.uint64_t(options.Steps),
	}
	var probe *C.struct_userns_probe
	if err := C.userns_probe(&cOptions, &probe); err < 0 {
		return ProbeResult{}, &Error{Errno: syscall.Errno(-err)}
	}
	defer C.userns_probe_free(probe)
	result := ProbeResult{
		Tried:      Steps(C.userns_probe_tried(probe)),
		Worked:     Steps(C.userns_probe_worked(probe)),
		FailedStep: Steps(C.userns_probe_failed_step(probe)),
		Errno:      syscall.Errno(-C.userns_probe_error(probe)),
	}
	var count C.size_t
	first := C.userns_probe_reasons(probe, &count)
	for _, reason := range unsafe.Slice(first, int(count)) {
		result.Reasons = append(result.Reasons, Reason{
			Kind:     ReasonKind(C.userns_reason_kind(reason)),
			IsProved: bool(C.userns_reason_is_proved(reason)),
			Text:     C.GoString(C.userns_reason_text(reason)),
		})
	}
	return result, nil
}
