package userns

// #include <userns.h>
import "C"

import (
	"syscall"
	"unsafe"
)

// Extent is a range of ids in a map: the first one inside and outside of the namespace, and their number.
type Extent struct {
	Inside, Outside, Count uint32
}

// UIDMap returns the UIDs that the namespace maps; false if the map is not known. It needs ScanMaps.
func (n Node) UIDMap() ([]Extent, bool) {
	n.m.acquire()
	defer n.m.release()
	var count C.size_t
	first := C.userns_uid_map(n.c, &count)
	return n.extents(first, count)
}

// GIDMap returns the GIDs that the namespace maps; false if the map is not known. It needs ScanMaps.
func (n Node) GIDMap() ([]Extent, bool) {
	n.m.acquire()
	defer n.m.release()
	var count C.size_t
	first := C.userns_gid_map(n.c, &count)
	return n.extents(first, count)
}

// ProjidMap returns the project ids that the namespace maps; false if the map is not known. It needs ScanMaps.
func (n Node) ProjidMap() ([]Extent, bool) {
	n.m.acquire()
	defer n.m.release()
	var count C.size_t
	first := C.userns_projid_map(n.c, &count)
	return n.extents(first, count)
}

// extents copies a map. The caller has acquired the snapshot.
func (n Node) extents(first *C.struct_userns_extent, count C.size_t) ([]Extent, bool) {
	extents := make([]Extent, count)
	for i, extent := range unsafe.Slice(first, int(count)) {
		extents[i] = Extent{uint32(extent.inside), uint32(extent.outside), uint32(extent.count)}
	}
	return extents, C.userns_flags(n.c)&C.USERNS_NODE_MAPS != 0
}

// TranslateUID returns what a UID of the namespace is in another node of its snapshot. An error is an *Error with ENOENT
// if it is not mapped, ENODATA if a map that decides is not known, or EINVAL for a node of another snapshot.
func (n Node) TranslateUID(uid uint32, to Node) (uint32, error) {
	n.m.acquire()
	defer n.m.release()
	var result C.uid_t
	err := C.userns_translate_uid(n.c, C.uid_t(uid), n.target(to), &result)
	return uint32(result), translationError(err)
}

// TranslateGID returns what a GID of the namespace is in another node of its snapshot, with the errors of TranslateUID.
func (n Node) TranslateGID(gid uint32, to Node) (uint32, error) {
	n.m.acquire()
	defer n.m.release()
	var result C.gid_t
	err := C.userns_translate_gid(n.c, C.gid_t(gid), n.target(to), &result)
	return uint32(result), translationError(err)
}

// TranslateProjid returns what a project id of the namespace is in another node of its snapshot, with the errors of
// TranslateUID.
func (n Node) TranslateProjid(projid uint32, to Node) (uint32, error) {
	n.m.acquire()
	defer n.m.release()
	var result C.uint32_t
	err := C.userns_translate_projid(n.c, C.uint32_t(projid), n.target(to), &result)
	return uint32(result), translationError(err)
}

// target returns the pointer of a node, or nil, an invalid argument, if it is of another snapshot, which can be closed.
func (n Node) target(to Node) *C.struct_userns_node {
	if n.m != to.m {
		return nil
	}
	return to.c
}

func translationError(err C.int) error {
	if err < 0 {
		return &Error{Errno: syscall.Errno(-err)}
	}
	return nil
}
