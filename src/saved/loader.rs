//! What the values of a file mean. A file can be anybody's: all of it is checked.

use super::link::{From, Link, require};
use super::place::Place;
use super::words::{self, PinKind, value_of};
use super::{INEXACT, LONGEST_STRING};
use crate::error::Error;
use crate::facts::{EmptySource, Extent, Facts, Known, Member, NamespaceType, Process, Source, TextRef, UserNamespace};
use crate::util::arrays::push;
use crate::util::parse;
use std::mem::take;
use std::ops::{Range, RangeInclusive};

/// As many user namespaces, nonuser namespaces and processes each as Linux has PIDs.
pub const MOST_RECORDS: usize = 1 << 22;
/// As many pins, extents and nested PIDs each.
pub const MOST_PARTS: usize = 1 << 24;

/// No user has this UID. Here it is one without a mapping.
pub const NO_UID: u32 = u32::MAX;

/// The facts read so far, and the record that is being read.
#[derive(Default)]
pub struct Loader {
    pub facts: Facts,
    pub links: Vec<Link>,
    /// Of processes, with their PIDs.
    pub names: Vec<(i32, TextRef)>,
    /// Of the version of the format; 0 if that was not read.
    pub major: u64,
    /// The first thing that is wrong. All after it is ignored.
    pub failure: Option<Error>,
    /// Paths that were read.
    pub known: Known,
    /// What was read of a string that is not UTF-8.
    pub bytes: Vec<u8>,
    pub seconds: u64,
    pub nanoseconds: u64,
    pub namespace: Namespace,
    pub maps: MapRecord,
    pub pin: Pin,
    pub process: ProcessRecord,
}

/// A user namespace or a nonuser namespace.
#[derive(Default)]
pub struct Namespace {
    pub user: UserNamespace,
    /// `None`: not read. `Some(None)`: one that this version does not know.
    pub namespace_type: Option<Option<NamespaceType>>,
    pub parent: Option<u64>,
    pub owner: Option<u64>,
    /// Of all pins and references, the first ones of this namespace.
    pub first_hold: usize,
    pub first_link: usize,
}

/// The maps of a user namespace, in the order in which they come.
#[derive(Default)]
pub struct MapRecord {
    pub extents: Vec<Extent>,
    pub ranges: [Range<usize>; 3],
    pub is_setgroups_denied: bool,
    /// Of one extent.
    pub numbers: [u32; 3],
    pub number_count: usize,
}

#[derive(Clone, Copy, Default)]
pub struct Pin {
    /// `None`: not read. `Some(None)`: one that this version does not know.
    pub kind: Option<Option<PinKind>>,
    /// 0: not read, as `tid`.
    pub pid: i32,
    pub tid: i32,
    /// Of the descriptor.
    pub number: Option<i32>,
    pub path: TextRef,
    pub is_overmounted: bool,
    pub nonuser: Option<u64>,
}

#[derive(Default)]
pub struct ProcessRecord {
    pub facts: Process,
    pub name: Option<TextRef>,
    pub uid: Option<u32>,
    pub capabilities: Option<u64>,
    pub first_pid: usize,
}

impl Loader {
    fn keep(&mut self, event: impl FnOnce(&mut Loader) -> Result<(), Error>) {
        if self.failure.is_none() {
            self.failure = event(self).err();
        }
    }

    /// A value of a type that no place has.
    pub fn unexpected(&mut self, place: Place) {
        self.keep(|_| require(place == Place::Ignored));
    }

    /// An object has a member twice.
    pub fn repeated(&mut self) {
        self.keep(|_| Err(Error::NOT_SAVED));
    }

    pub fn truth(&mut self, place: Place, value: bool) {
        match place {
            Place::PinOvermounted => self.pin.is_overmounted = value,
            _ => self.unexpected(place),
        }
    }

    pub fn number(&mut self, place: Place, value: u64) {
        self.keep(|loader| loader.take_number(place, value));
    }

    pub fn text(&mut self, place: Place, text: &str) {
        self.keep(|loader| loader.take_text(place, text));
    }

    /// Returns the place of the items.
    pub fn begin_array(&mut self, place: Place) -> Place {
        self.keep(|loader| {
            match place {
                Place::Map(kind) => loader.maps.ranges[kind as usize].start = loader.maps.extents.len(),
                Place::Extent => loader.maps.number_count = 0,
                _ => (),
            }
            loader.bytes.clear();
            require(place.item().is_some())
        });
        place.item().unwrap_or(Place::Ignored)
    }

    pub fn end_array(&mut self, place: Place) {
        self.keep(|loader| match place {
            Place::Map(kind) => {
                loader.maps.ranges[kind as usize].end = loader.maps.extents.len();
                Ok(())
            }
            Place::Extent => loader.add_extent(),
            _ if place.is_string_of_bytes() => {
                let bytes = take(&mut loader.bytes);
                // So that it can also be saved as a string.
                require(bytes.len() <= LONGEST_STRING / 6)?;
                loader.take_bytes(place, &bytes)
            }
            _ => Ok(()),
        });
    }

    pub fn begin_object(&mut self, place: Place) {
        self.keep(|loader| {
            match place {
                Place::Node | Place::Nonuser => {
                    let (first_hold, first_link) = (loader.facts.holds.len(), loader.links.len());
                    loader.namespace = Namespace { first_hold, first_link, ..Namespace::default() };
                }
                Place::Maps => loader.maps.clear(),
                Place::Pin => loader.pin = Pin::default(),
                Place::Process => {
                    let first_pid = loader.facts.pids.len();
                    loader.process = ProcessRecord { first_pid, ..ProcessRecord::default() };
                }
                _ => (),
            }
            require(place.is_object())
        });
    }

    pub fn end_object(&mut self, place: Place) {
        self.keep(|loader| match place {
            Place::Time => loader.add_time(),
            Place::Maps => loader.add_maps(),
            Place::Pin => loader.add_pin(),
            Place::Node => loader.add_node(),
            Place::Nonuser => loader.add_nonuser(),
            Place::Process => loader.add_process(),
            _ => Ok(()),
        });
    }

    fn take_number(&mut self, place: Place, value: u64) -> Result<(), Error> {
        let Loader { facts, namespace, maps, pin, process, .. } = self;
        match place {
            Place::Ignored => (),
            Place::Major => self.major = value,
            Place::Seconds => self.seconds = value,
            Place::Nanoseconds => self.nanoseconds = value,
            Place::PidNamespace => facts.pid_namespace = Some(value),
            // Errors have names, and the numbers of those without are nothing to rely on.
            Place::SourceError => facts.source_error = narrow(value, 1..=4095)? as i32,
            // A 32-bit program has no larger ones.
            Place::Gap(gap) => facts.gaps.add(gap, value.try_into().unwrap_or(usize::MAX)),
            Place::Own => push(&mut self.links, Link { from: From::Own, inode: value })?,
            Place::UnmappedUid => facts.unmapped_uid = Some(narrow(value, 0..=ID_LIMIT)? as u32),
            Place::OwnerUid => namespace.user.owner_uid = Some(narrow(value, 0..=ID_LIMIT)? as u32),
            Place::Charged => namespace.user.charged = Some(value),
            Place::Limit => namespace.user.limit = Some(value),
            Place::Inode => namespace.user.inode = value,
            Place::Device => namespace.user.device = value,
            Place::Parent => namespace.parent = Some(value),
            Place::Owner => namespace.owner = Some(value),
            Place::Member => {
                let pid = narrow(value, 1..=PID_LIMIT)? as i32;
                let namespace = facts.users.len() as u32;
                add(&mut facts.members, Member { pid, namespace, ..Member::default() }, MOST_RECORDS)?;
            }
            Place::ExtentNumber => {
                *maps.numbers.get_mut(maps.number_count).ok_or(Error::NOT_SAVED)? =
                    narrow(value, 0..=u32::MAX.into())? as u32;
                maps.number_count += 1;
            }
            Place::PinPid => pin.pid = narrow(value, 1..=PID_LIMIT)? as i32,
            Place::PinTid => pin.tid = narrow(value, 1..=PID_LIMIT)? as i32,
            Place::PinDescriptor => pin.number = Some(narrow(value, 0..=PID_LIMIT)? as i32),
            Place::PinNonuserInode => pin.nonuser = Some(value),
            Place::Pid => process.facts.pid = narrow(value, 1..=PID_LIMIT)? as i32,
            Place::Uid => process.uid = Some(narrow(value, 0..=ID_LIMIT)? as u32),
            Place::NestedPid => add(&mut facts.pids, narrow(value, 1..=PID_LIMIT)? as i32, MOST_PARTS)?,
            Place::Part => add(&mut self.bytes, narrow(value, 1..=255)? as u8, usize::MAX)?,
            _ => return Err(Error::NOT_SAVED),
        }
        Ok(())
    }

    fn take_text(&mut self, place: Place, text: &str) -> Result<(), Error> {
        let Loader { facts, namespace, maps, pin, process, .. } = self;
        match place {
            Place::Ignored => (),
            Place::Part => {
                self.bytes.try_reserve(text.len())?;
                self.bytes.extend_from_slice(text.as_bytes());
            }
            _ if place.is_string_of_bytes() => self.take_bytes(place, text.as_bytes())?,
            Place::Source => facts.source = value_of(&words::SOURCES, text).unwrap_or(Source::Unknown),
            Place::SourceError => facts.source_error = value_of(&words::ERRORS, text).ok_or(Error::NOT_SAVED)?,
            // Each way includes those before it, so a later one includes the last one here.
            Place::EmptySource => {
                facts.empty_source = value_of(&words::EMPTY_SOURCES, text).unwrap_or(EmptySource::Listns);
            }
            // The others follow from what is there.
            Place::KnownFlag => facts.named |= text == "names",
            Place::Id => namespace.user.id = digits(text)?,
            Place::Type => {
                let mut types = NamespaceType::ALL.into_iter();
                namespace.namespace_type = Some(types.find(|known| known.name().to_bytes() == text.as_bytes()));
            }
            Place::Setgroups => maps.is_setgroups_denied = text == "deny",
            Place::PinKind => pin.kind = Some(value_of(&words::PINS, text)),
            Place::Capabilities => {
                let bits = parse::hexadecimal(text.as_bytes()).filter(|_| text.len() == 16);
                process.capabilities = Some(bits.ok_or(Error::NOT_SAVED)?);
            }
            // A number that is too large for some languages.
            _ => match digits(text)? {
                number @ INEXACT.. => self.take_number(place, number)?,
                _ => return Err(Error::NOT_SAVED),
            },
        }
        Ok(())
    }

    fn take_bytes(&mut self, place: Place, bytes: &[u8]) -> Result<(), Error> {
        require(!bytes.contains(&0))?;
        let Loader { facts, known, .. } = self;
        match place {
            Place::BootId => facts.boot_id = Some(facts.text.add(bytes)?),
            Place::SourceLog => facts.source_log = Some(facts.text.add(bytes)?),
            Place::ProcPath if bytes == b"/proc" => facts.proc_path = None,
            Place::ProcPath => facts.proc_path = Some(facts.text.add(bytes)?),
            Place::Name => self.process.name = Some(facts.text.add(bytes)?),
            Place::Cgroup => self.process.facts.cgroup = facts.text.add_once(bytes, known)?,
            _ => self.pin.path = facts.text.add_once(bytes, known)?,
        }
        Ok(())
    }
}

const PID_LIMIT: u64 = i32::MAX as u64;
/// The largest id of users and groups.
const ID_LIMIT: u64 = NO_UID as u64 - 1;

fn narrow(value: u64, range: RangeInclusive<u64>) -> Result<u64, Error> {
    require(range.contains(&value))?;
    Ok(value)
}

fn digits(text: &str) -> Result<u64, Error> {
    parse::number(text.as_bytes()).ok_or(Error::NOT_SAVED)
}

/// Appends an item to an array of at most so many.
pub fn add<T>(array: &mut Vec<T>, item: T, most: usize) -> Result<(), Error> {
    if array.len() == most {
        return Err(Error::TOO_LARGE);
    }
    Ok(push(array, item)?)
}
