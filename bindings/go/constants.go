package userns

// #include <userns.h>
import "C"

import (
	"fmt"
	"strings"
)

// ScanFlags select what a scan does, combined with |.
type ScanFlags uint64

// The bits USERNS_SCAN_ of userns.h.
const (
	ScanPinned      ScanFlags = C.USERNS_SCAN_PINNED
	ScanSockets     ScanFlags = C.USERNS_SCAN_SOCKETS
	ScanOwned       ScanFlags = C.USERNS_SCAN_OWNED
	ScanNames       ScanFlags = C.USERNS_SCAN_NAMES
	ScanBPF         ScanFlags = C.USERNS_SCAN_BPF
	ScanMaps        ScanFlags = C.USERNS_SCAN_MAPS
	ScanCredentials ScanFlags = C.USERNS_SCAN_CREDENTIALS
	ScanCgroups     ScanFlags = C.USERNS_SCAN_CGROUPS
)

// Gaps are reasons why a snapshot can be incomplete, combined with |. A newer library can return more.
type Gaps uint32

// The bits USERNS_GAP_ of userns.h.
const (
	GapUnreadable      Gaps = C.USERNS_GAP_UNREADABLE
	GapHidepid         Gaps = C.USERNS_GAP_HIDEPID
	GapPIDNS           Gaps = C.USERNS_GAP_PIDNS
	GapNested          Gaps = C.USERNS_GAP_NESTED
	GapLinks           Gaps = C.USERNS_GAP_LINKS
	GapDescriptors     Gaps = C.USERNS_GAP_DESCRIPTORS
	GapSockets         Gaps = C.USERNS_GAP_SOCKETS
	GapMounts          Gaps = C.USERNS_GAP_MOUNTS
	GapMountNamespaces Gaps = C.USERNS_GAP_MOUNT_NAMESPACES
	GapChrooted        Gaps = C.USERNS_GAP_CHROOTED
	GapUnopenedMounts  Gaps = C.USERNS_GAP_UNOPENED_MOUNTS
	GapRelations       Gaps = C.USERNS_GAP_RELATIONS
	GapNames           Gaps = C.USERNS_GAP_NAMES
	GapPins            Gaps = C.USERNS_GAP_PINS
	GapMaps            Gaps = C.USERNS_GAP_MAPS
	GapCredentials     Gaps = C.USERNS_GAP_CREDENTIALS
	GapCgroups         Gaps = C.USERNS_GAP_CGROUPS
)

// Has reports whether all bits of gap are set.
func (g Gaps) Has(gap Gaps) bool { return g&gap == gap }

// String returns the names of the bits: "hidepid|nested", for example.
func (g Gaps) String() string {
	return bitNames(uint32(g), []bitName{
		{uint32(GapUnreadable), "unreadable"},
		{uint32(GapHidepid), "hidepid"},
		{uint32(GapPIDNS), "pidns"},
		{uint32(GapNested), "nested"},
		{uint32(GapLinks), "links"},
		{uint32(GapDescriptors), "descriptors"},
		{uint32(GapSockets), "sockets"},
		{uint32(GapMounts), "mounts"},
		{uint32(GapMountNamespaces), "mount namespaces"},
		{uint32(GapChrooted), "chrooted"},
		{uint32(GapUnopenedMounts), "unopened mounts"},
		{uint32(GapRelations), "relations"},
		{uint32(GapNames), "names"},
		{uint32(GapPins), "pins"},
		{uint32(GapMaps), "maps"},
		{uint32(GapCredentials), "credentials"},
		{uint32(GapCgroups), "cgroups"},
	})
}

// InfoFlags are properties of a namespace that Describe returns; their other bits are those of NodeFlags.
type InfoFlags uint32

// The bits USERNS_INFO_ of userns.h, and those of NodeFlags that can be set.
const (
	InfoInitial      InfoFlags = C.USERNS_NODE_INITIAL
	InfoParentHidden InfoFlags = C.USERNS_NODE_PARENT_HIDDEN
	InfoOwn          InfoFlags = C.USERNS_INFO_OWN
	InfoOwnerUID     InfoFlags = C.USERNS_INFO_OWNER_UID
)

// NodeFlags are properties of a node, combined with |. A newer library can return more.
type NodeFlags uint32

// The bits USERNS_NODE_ of userns.h.
const (
	NodeInitial         NodeFlags = C.USERNS_NODE_INITIAL
	NodeParentHidden    NodeFlags = C.USERNS_NODE_PARENT_HIDDEN
	NodeEmpty           NodeFlags = C.USERNS_NODE_EMPTY
	NodeOnlyPinned      NodeFlags = C.USERNS_NODE_ONLY_PINNED
	NodeMaps            NodeFlags = C.USERNS_NODE_MAPS
	NodeSetgroupsDenied NodeFlags = C.USERNS_NODE_SETGROUPS_DENIED
)

// String returns the names of the bits: "empty|only pinned", for example.
func (f NodeFlags) String() string {
	return bitNames(uint32(f), []bitName{
		{uint32(NodeInitial), "initial"},
		{uint32(NodeParentHidden), "parent hidden"},
		{uint32(NodeEmpty), "empty"},
		{uint32(NodeOnlyPinned), "only pinned"},
		{uint32(NodeMaps), "maps"},
		{uint32(NodeSetgroupsDenied), "setgroups denied"},
	})
}

// Source is where a scan read the processes. A newer library can return other values.
type Source uint32

// The values of enum userns_source.
const (
	SourceProcfs       Source = C.USERNS_SOURCE_PROCFS
	SourceBPFProcesses Source = C.USERNS_SOURCE_BPF_PROCESSES
	SourceBPFTasks     Source = C.USERNS_SOURCE_BPF_TASKS
)

// String returns the name of the source.
func (s Source) String() string {
	switch s {
	case SourceProcfs:
		return "procfs"
	case SourceBPFProcesses:
		return "BPF, processes"
	case SourceBPFTasks:
		return "BPF, tasks"
	}
	return fmt.Sprintf("source %d", uint32(s))
}

// EmptySource is how far a scan looked for namespaces without processes. A newer library can return other values.
type EmptySource uint32

// The values of enum userns_empty_source.
const (
	EmptySourceAncestors       EmptySource = C.USERNS_EMPTY_SOURCE_ANCESTORS
	EmptySourcePins            EmptySource = C.USERNS_EMPTY_SOURCE_PINS
	EmptySourceMountNamespaces EmptySource = C.USERNS_EMPTY_SOURCE_MOUNT_NAMESPACES
	EmptySourceListns          EmptySource = C.USERNS_EMPTY_SOURCE_LISTNS
)

// String returns the name of the source.
func (s EmptySource) String() string {
	switch s {
	case EmptySourceAncestors:
		return "ancestors"
	case EmptySourcePins:
		return "pins"
	case EmptySourceMountNamespaces:
		return "mount namespaces"
	case EmptySourceListns:
		return "listns"
	}
	return fmt.Sprintf("empty source %d", uint32(s))
}

// PinKind is the kind of a pin. A newer library can return other values.
type PinKind uint32

// The values of enum userns_pin_kind.
const (
	PinMember         PinKind = C.USERNS_PIN_MEMBER
	PinForChildren    PinKind = C.USERNS_PIN_FOR_CHILDREN
	PinDescriptor     PinKind = C.USERNS_PIN_DESCRIPTOR
	PinMount          PinKind = C.USERNS_PIN_MOUNT
	PinSocket         PinKind = C.USERNS_PIN_SOCKET
	PinOwned          PinKind = C.USERNS_PIN_OWNED
	PinChildNamespace PinKind = C.USERNS_PIN_CHILD_NAMESPACE
	PinIoUring        PinKind = C.USERNS_PIN_IO_URING
	PinCredentials    PinKind = C.USERNS_PIN_CREDENTIALS
	PinPeer           PinKind = C.USERNS_PIN_PEER
	PinFileSystem     PinKind = C.USERNS_PIN_FILE_SYSTEM
	PinPidfd          PinKind = C.USERNS_PIN_PIDFD
	PinOutOfSight     PinKind = C.USERNS_PIN_OUT_OF_SIGHT
)

// String returns the name of the kind.
func (k PinKind) String() string {
	switch k {
	case PinMember:
		return "member"
	case PinForChildren:
		return "for children"
	case PinDescriptor:
		return "descriptor"
	case PinMount:
		return "mount"
	case PinSocket:
		return "socket"
	case PinOwned:
		return "owned"
	case PinChildNamespace:
		return "child namespace"
	case PinIoUring:
		return "io_uring"
	case PinCredentials:
		return "credentials"
	case PinPeer:
		return "peer"
	case PinFileSystem:
		return "file system"
	case PinPidfd:
		return "pidfd"
	case PinOutOfSight:
		return "out of sight"
	}
	return fmt.Sprintf("pin kind %d", uint32(k))
}

// Why is what decides whether a process has a capability. A newer library can return other values.
type Why uint32

// The values of enum userns_why.
const (
	WhyMember   Why = C.USERNS_WHY_MEMBER
	WhyAncestor Why = C.USERNS_WHY_ANCESTOR
	WhyOwner    Why = C.USERNS_WHY_OWNER
	WhyOutside  Why = C.USERNS_WHY_OUTSIDE
	WhyHidden   Why = C.USERNS_WHY_HIDDEN
)

// String returns the name of the reason.
func (w Why) String() string {
	switch w {
	case WhyMember:
		return "member"
	case WhyAncestor:
		return "ancestor"
	case WhyOwner:
		return "owner"
	case WhyOutside:
		return "outside"
	case WhyHidden:
		return "hidden"
	}
	return fmt.Sprintf("reason %d", uint32(w))
}

// ChangeKind is the kind of a change. A newer library can return other values.
type ChangeKind uint32

// The values of enum userns_change_kind.
const (
	ChangeAppeared ChangeKind = C.USERNS_CHANGE_APPEARED
	ChangeEnded    ChangeKind = C.USERNS_CHANGE_ENDED
	ChangeEmptied  ChangeKind = C.USERNS_CHANGE_EMPTIED
	ChangeMapped   ChangeKind = C.USERNS_CHANGE_MAPPED
	ChangeJoined   ChangeKind = C.USERNS_CHANGE_JOINED
	ChangeLeft     ChangeKind = C.USERNS_CHANGE_LEFT
)

// String returns the name of the kind.
func (k ChangeKind) String() string {
	switch k {
	case ChangeAppeared:
		return "appeared"
	case ChangeEnded:
		return "ended"
	case ChangeEmptied:
		return "emptied"
	case ChangeMapped:
		return "mapped"
	case ChangeJoined:
		return "joined"
	case ChangeLeft:
		return "left"
	}
	return fmt.Sprintf("change kind %d", uint32(k))
}

// ProbeFlags select how a probe tries the steps, combined with |.
type ProbeFlags uint32

// The bits USERNS_PROBE_ of userns.h.
const (
	ProbeReadOnly ProbeFlags = C.USERNS_PROBE_READ_ONLY
	ProbeOneByOne ProbeFlags = C.USERNS_PROBE_ONE_BY_ONE
	ProbeSubids   ProbeFlags = C.USERNS_PROBE_SUBIDS
)

// Steps are the steps of a probe, combined with |.
type Steps uint64

// The bits USERNS_STEP_ of userns.h.
const (
	StepCreate  Steps = C.USERNS_STEP_CREATE
	StepMap     Steps = C.USERNS_STEP_MAP
	StepCapable Steps = C.USERNS_STEP_CAPABLE
	StepNet     Steps = C.USERNS_STEP_NET
	StepPID     Steps = C.USERNS_STEP_PID
	StepNested  Steps = C.USERNS_STEP_NESTED
)

// Has reports whether all bits of steps are set.
func (s Steps) Has(steps Steps) bool { return s&steps == steps }

// String returns the names of the bits: "create|map", for example.
func (s Steps) String() string {
	return bitNames(uint32(s), []bitName{
		{uint32(StepCreate), "create"},
		{uint32(StepMap), "map"},
		{uint32(StepCapable), "capable"},
		{uint32(StepNet), "net"},
		{uint32(StepPID), "pid"},
		{uint32(StepNested), "nested"},
	})
}

// ReasonKind is the kind of a reason. A newer library can return other values.
type ReasonKind uint32

// The values of enum userns_reason_kind.
const (
	ReasonNotBuilt   ReasonKind = C.USERNS_REASON_NOT_BUILT
	ReasonChroot     ReasonKind = C.USERNS_REASON_CHROOT
	ReasonLimit      ReasonKind = C.USERNS_REASON_LIMIT
	ReasonDepth      ReasonKind = C.USERNS_REASON_DEPTH
	ReasonUnmapped   ReasonKind = C.USERNS_REASON_UNMAPPED
	ReasonSysctl     ReasonKind = C.USERNS_REASON_SYSCTL
	ReasonAppArmor   ReasonKind = C.USERNS_REASON_APPARMOR
	ReasonSELinux    ReasonKind = C.USERNS_REASON_SELINUX
	ReasonSeccomp    ReasonKind = C.USERNS_REASON_SECCOMP
	ReasonHelper     ReasonKind = C.USERNS_REASON_HELPER
	ReasonProcMasked ReasonKind = C.USERNS_REASON_PROC_MASKED
	ReasonProcesses  ReasonKind = C.USERNS_REASON_PROCESSES
	ReasonTimeout    ReasonKind = C.USERNS_REASON_TIMEOUT
	ReasonLSM        ReasonKind = C.USERNS_REASON_LSM
	ReasonUnknown    ReasonKind = C.USERNS_REASON_UNKNOWN
)

// String returns the name of the kind, as userns_check(1) prints it.
func (k ReasonKind) String() string {
	switch k {
	case ReasonNotBuilt:
		return "not built"
	case ReasonChroot:
		return "chroot"
	case ReasonLimit:
		return "limit"
	case ReasonDepth:
		return "depth"
	case ReasonUnmapped:
		return "unmapped"
	case ReasonSysctl:
		return "sysctl"
	case ReasonAppArmor:
		return "apparmor"
	case ReasonSELinux:
		return "selinux"
	case ReasonSeccomp:
		return "seccomp"
	case ReasonHelper:
		return "helper"
	case ReasonProcMasked:
		return "proc masked"
	case ReasonProcesses:
		return "processes"
	case ReasonTimeout:
		return "timeout"
	case ReasonLSM:
		return "lsm"
	case ReasonUnknown:
		return "unknown"
	}
	return fmt.Sprintf("reason kind %d", uint32(k))
}

type bitName struct {
	bit  uint32
	name string
}

// bitNames returns the names of the bits that are set, and a number for those without a name.
func bitNames(bits uint32, all []bitName) string {
	var names []string
	for _, each := range all {
		if bits&each.bit != 0 {
			names = append(names, each.name)
			bits &^= each.bit
		}
	}
	if bits != 0 || names == nil {
		names = append(names, fmt.Sprintf("%#x", bits))
	}
	return strings.Join(names, "|")
}
