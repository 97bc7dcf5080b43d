//! Small BTF written by hand, type by type, as a kernel's would be (Documentation/bpf/btf.rst).

/// Type information in the making. Each method adds a type and gives its id.
#[derive(Default)]
pub(crate) struct Blob {
    types: Vec<u8>,
    strings: Vec<u8>,
    last: u32,
}

/// The id that stands for nothing.
pub(crate) const VOID: u32 = 0;

/// A member: name, type, offset in bits.
pub(crate) type Member<'a> = (&'a str, u32, u32);

const BOOL: u32 = 4;

const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;

impl Blob {
    pub(crate) fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    pub(crate) fn int(&mut self, name: &str, size: u32) -> u32 {
        let id = self.open(name, INT, 0, size);
        self.words(&[size * 8]);
        id
    }

    pub(crate) fn bool(&mut self) -> u32 {
        let id = self.open("bool", INT, 0, 1);
        self.words(&[BOOL << 24 | 8]);
        id
    }

    pub(crate) fn pointer(&mut self, to: u32) -> u32 {
        self.open("", PTR, 0, to)
    }

    pub(crate) fn typedef(&mut self, name: &str, of: u32) -> u32 {
        self.open(name, TYPEDEF, 0, of)
    }

    pub(crate) fn volatile(&mut self, of: u32) -> u32 {
        self.open("", VOLATILE, 0, of)
    }

    pub(crate) fn array(&mut self, of: u32, len: u32) -> u32 {
        let id = self.open("", ARRAY, 0, 0);
        self.words(&[of, of, len]);
        id
    }

    pub(crate) fn structure(&mut self, name: &str, size: u32, members: &[Member<'_>]) -> u32 {
        self.members(name, STRUCT, false, size, members)
    }

    pub(crate) fn union(&mut self, name: &str, size: u32, members: &[Member<'_>]) -> u32 {
        self.members(name, UNION, false, size, members)
    }

    /// A struct that has bitfields: the offset of each member carries its width in the top byte.
    pub(crate) fn bitfields(&mut self, name: &str, size: u32, members: &[Member<'_>]) -> u32 {
        self.members(name, STRUCT, true, size, members)
    }

    fn members(
        &mut self,
        name: &str,
        kind: u32,
        bitfields: bool,
        size: u32,
        members: &[Member<'_>],
    ) -> u32 {
        let info = u32::from(bitfields) << 31 | kind << 24 | len(members);
        let id = self.header(name, info, size);
        for &(name, of, bits) in members {
            let name = self.string(name);
            self.words(&[name, of, bits]);
        }
        id
    }

    pub(crate) fn enumeration(&mut self, name: &str, values: &[(&str, u32)]) -> u32 {
        let id = self.open(name, ENUM, len(values), 4);
        for &(name, value) in values {
            let name = self.string(name);
            self.words(&[name, value]);
        }
        id
    }

    pub(crate) fn function(&mut self, name: &str, returns: u32, parameters: &[(&str, u32)]) -> u32 {
        let prototype = self.prototype(returns, parameters);
        self.function_of(name, prototype)
    }

    pub(crate) fn prototype(&mut self, returns: u32, parameters: &[(&str, u32)]) -> u32 {
        let prototype = self.open("", FUNC_PROTO, len(parameters), returns);
        for &(name, of) in parameters {
            let name = self.string(name);
            self.words(&[name, of]);
        }
        prototype
    }

    pub(crate) fn function_of(&mut self, name: &str, prototype: u32) -> u32 {
        self.open(name, FUNC, 0, prototype)
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        const HEADER: u32 = 24;
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for word in [HEADER, 0, len(&self.types), len(&self.types), len(&self.strings)] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.types);
        bytes.extend(self.strings);
        bytes
    }

    fn open(&mut self, name: &str, kind: u32, len: u32, size_or_type: u32) -> u32 {
        self.header(name, kind << 24 | len, size_or_type)
    }

    fn header(&mut self, name: &str, info: u32, size_or_type: u32) -> u32 {
        let name = self.string(name);
        self.words(&[name, info, size_or_type]);
        self.last += 1;
        self.last
    }

    fn string(&mut self, string: &str) -> u32 {
        if string.is_empty() {
            return 0;
        }
        let offset = len(&self.strings);
        self.strings.extend(string.bytes());
        self.strings.push(0);
        offset
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.types.extend(word.to_le_bytes());
        }
    }
}

fn len<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).expect("a hand-made blob is small")
}
