//! The few pickle instructions that describe one tensor: writing them, and interpreting them.
//!
//! Opcodes and their meaning are those of CPython's `pickletools`; what PyTorch makes of them is in `torch/_utils.py`
//! (`_rebuild_tensor_v2`) and `torch/serialization.py` (`persistent_load`).

use std::collections::HashMap;
use std::rc::Rc;

use super::tensor::{ElementType, MAX_AXES, PtTensor, contiguous_strides};
use crate::error::{FormatError, Place, Result};

/// One tensor takes some 200 bytes.
pub(super) const MAX_PICKLE_BYTES: u64 = 1 << 16;

/// Tuples within each other: arguments hold a shape, nothing holds more.
const MAX_DEPTH: u32 = 4;

mod op {
    pub const MARK: u8 = b'(';
    pub const STOP: u8 = b'.';
    pub const NONE: u8 = b'N';
    pub const BININT: u8 = b'J';
    pub const BININT1: u8 = b'K';
    pub const BININT2: u8 = b'M';
    pub const LONG1: u8 = 0x8a;
    pub const NEWTRUE: u8 = 0x88;
    pub const NEWFALSE: u8 = 0x89;
    pub const BINUNICODE: u8 = b'X';
    pub const SHORT_BINUNICODE: u8 = 0x8c;
    pub const GLOBAL: u8 = b'c';
    pub const STACK_GLOBAL: u8 = 0x93;
    pub const EMPTY_TUPLE: u8 = b')';
    pub const TUPLE: u8 = b't';
    pub const TUPLE1: u8 = 0x85;
    pub const TUPLE3: u8 = 0x87;
    pub const REDUCE: u8 = b'R';
    pub const BINPERSID: u8 = b'Q';
    pub const BINPUT: u8 = b'q';
    pub const LONG_BINPUT: u8 = b'r';
    pub const MEMOIZE: u8 = 0x94;
    pub const BINGET: u8 = b'h';
    pub const LONG_BINGET: u8 = b'j';
    pub const PROTO: u8 = 0x80;
    pub const FRAME: u8 = 0x95;
}

/// The description of a contiguous tensor whose storage holds just its values, under the key `0`.
pub(super) fn pickle_tensor(element: ElementType, shape: &[u64], n_values: u64) -> Vec<u8> {
    let mut pickle = vec![op::PROTO, 2];
    push_global(&mut pickle, "torch._utils", "_rebuild_tensor_v2");
    pickle.push(op::MARK);
    pickle.push(op::MARK);
    push_text(&mut pickle, "storage");
    push_global(&mut pickle, "torch", element.storage_class());
    push_text(&mut pickle, "0");
    push_text(&mut pickle, "cpu");
    push_int(&mut pickle, n_values);
    pickle.extend([op::TUPLE, op::BINPERSID]);
    push_int(&mut pickle, 0); // offset in the storage
    push_tuple(&mut pickle, shape);
    push_tuple(&mut pickle, &contiguous_strides(shape));
    pickle.push(op::NEWFALSE); // requires_grad
    push_global(&mut pickle, "collections", "OrderedDict"); // backward hooks: none
    pickle.extend([op::EMPTY_TUPLE, op::REDUCE]);
    pickle.extend([op::TUPLE, op::REDUCE, op::STOP]);
    pickle
}

fn push_global(pickle: &mut Vec<u8>, module: &str, name: &str) {
    pickle.push(op::GLOBAL);
    pickle.extend(format!("{module}\n{name}\n").bytes());
}

fn push_text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(op::BINUNICODE);
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.bytes());
}

fn push_int(pickle: &mut Vec<u8>, value: u64) {
    let bytes = value.to_le_bytes();
    match value {
        0..=0xFF => pickle.extend([op::BININT1, bytes[0]]),
        0x100..=0xFFFF => pickle.extend([op::BININT2, bytes[0], bytes[1]]),
        0x1_0000..=0x7FFF_FFFF => {
            pickle.push(op::BININT);
            pickle.extend(&bytes[..4]);
        }
        _ => {
            // Two's complement in as few bytes as keep the sign.
            let n_bytes = (64 - value.leading_zeros() as usize) / 8 + 1;
            pickle.extend([op::LONG1, n_bytes as u8]);
            pickle.extend(bytes.iter().chain(&[0]).take(n_bytes));
        }
    }
}

fn push_tuple(pickle: &mut Vec<u8>, values: &[u64]) {
    if values.len() > 3 {
        pickle.push(op::MARK);
    }
    values.iter().for_each(|&value| push_int(pickle, value));
    pickle.push(match values.len() {
        0 => op::EMPTY_TUPLE,
        n @ 1..=3 => op::TUPLE1 + (n as u8 - 1),
        _ => op::TUPLE,
    });
}

/// A tensor as its pickle describes it, and the key of the storage that holds its values.
#[derive(Debug)]
pub(super) struct PickledTensor {
    pub tensor: PtTensor,
    pub storage_key: String,
}

/// Interprets the description of one tensor.
///
/// # Errors
/// [`FormatError::Unsupported`] for anything other than one tensor, by name; [`FormatError::Malformed`] for bytes that
/// are not a pickle.
pub(super) fn unpickle_tensor(pickle: &[u8]) -> Result<PickledTensor> {
    let mut machine = Machine { pickle, at: 0, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        if let Some(value) = machine.step()? {
            return match value {
                Value::Tensor(tensor) => tensor.to_pickled(),
                Value::Storage(_) => Err(unsupported("the file holds a bare storage, expected one tensor")),
                other => Err(unsupported(&format!("the file holds {}, expected one tensor", other.kind()))),
            };
        }
    }
}

#[derive(Debug, Clone)]
enum Value {
    None,
    Bool,
    Int(i64),
    Text(Rc<str>),
    Tuple { items: Rc<[Value]>, depth: u32 },
    Global(Global),
    Storage(Rc<Storage>),
    EmptyOrderedDict,
    Tensor(Rc<Rebuilt>),
}

#[derive(Debug, Clone, Copy)]
enum Global {
    RebuildTensor,
    OrderedDict,
    StorageClass(ElementType),
}

#[derive(Debug)]
struct Storage {
    element: ElementType,
    key: Rc<str>,
    len: u64,
}

#[derive(Debug)]
struct Rebuilt {
    storage: Rc<Storage>,
    offset: u64,
    shape: Vec<u64>,
    strides: Vec<u64>,
}

impl Rebuilt {
    fn to_pickled(&self) -> Result<PickledTensor> {
        let tensor = PtTensor {
            element: self.storage.element,
            shape: self.shape.clone(),
            strides: self.strides.clone(),
            storage_offset: self.offset,
            storage_len: self.storage.len,
        };
        tensor.check()?;
        Ok(PickledTensor { tensor, storage_key: self.storage.key.to_string() })
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool => "a truth value",
            Self::Int(_) => "an integer",
            Self::Text(_) => "a text",
            Self::Tuple { .. } => "a tuple",
            Self::Global(_) => "a function or class",
            Self::Storage(_) => "a storage",
            Self::EmptyOrderedDict => "a dict",
            Self::Tensor(_) => "a tensor",
        }
    }

    fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The items of a tuple; empty for anything else.
    fn n_items(&self) -> usize {
        match self {
            Self::Tuple { items, .. } => items.len(),
            _ => 0,
        }
    }

    fn extents(&self) -> Option<Vec<u64>> {
        match self {
            Self::Tuple { items, .. } => items.iter().map(Value::unsigned).collect(),
            _ => None,
        }
    }
}

/// Pickle's stack machine, as far as a tensor needs it. Each instruction takes a bounded time, and values that are used
/// twice are shared, so time and memory are bounded by the pickle's length.
struct Machine<'a> {
    pickle: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl Machine<'_> {
    /// Runs one instruction; the result at the end.
    fn step(&mut self) -> Result<Option<Value>> {
        let start = self.at;
        let [code] = self.bytes()?;
        match code {
            op::PROTO => match self.bytes()? {
                [2..=5] => {}
                [version] => return Err(unsupported(&format!("pickle protocol {version}, expected 2 to 5"))),
            },
            op::FRAME => {
                self.bytes::<8>()?;
            }
            op::STOP => return self.pop().map(Some),
            op::MARK => self.marks.push(self.stack.len()),
            op::NONE => self.stack.push(Value::None),
            op::NEWTRUE | op::NEWFALSE => self.stack.push(Value::Bool),
            op::BININT => {
                let value = i32::from_le_bytes(self.bytes()?);
                self.stack.push(Value::Int(i64::from(value)));
            }
            op::BININT1 => {
                let [value] = self.bytes()?;
                self.stack.push(Value::Int(i64::from(value)));
            }
            op::BININT2 => {
                let value = u16::from_le_bytes(self.bytes()?);
                self.stack.push(Value::Int(i64::from(value)));
            }
            op::LONG1 => {
                let value = self.long()?;
                self.stack.push(Value::Int(value));
            }
            op::BINUNICODE => {
                let length = u32::from_le_bytes(self.bytes()?);
                self.text(length as usize)?;
            }
            op::SHORT_BINUNICODE => {
                let [length] = self.bytes()?;
                self.text(usize::from(length))?;
            }
            op::GLOBAL => {
                let (module, name) = (self.line()?, self.line()?);
                self.stack.push(Value::Global(global(&module, &name)?));
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else { return Err(self.scrambled()) };
                self.stack.push(Value::Global(global(&module, &name)?));
            }
            op::EMPTY_TUPLE => self.tuple_from(self.stack.len())?,
            op::TUPLE1..=op::TUPLE3 => {
                let n_items = usize::from(code - op::TUPLE1) + 1;
                let first = self.stack.len().checked_sub(n_items).ok_or_else(|| self.scrambled())?;
                self.tuple_from(first)?;
            }
            op::TUPLE => {
                let first = self.marks.pop().ok_or_else(|| self.scrambled())?;
                self.tuple_from(first)?;
            }
            op::BINPERSID => {
                let id = self.pop()?;
                let storage = self.storage(&id)?;
                self.stack.push(storage);
            }
            op::REDUCE => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let value = self.call(&function, &arguments)?;
                self.stack.push(value);
            }
            op::BINPUT => {
                let [key] = self.bytes()?;
                self.put(u32::from(key))?;
            }
            op::LONG_BINPUT => {
                let key = u32::from_le_bytes(self.bytes()?);
                self.put(key)?;
            }
            op::MEMOIZE => self.put(self.memo.len() as u32)?,
            op::BINGET => {
                let [key] = self.bytes()?;
                self.get(u32::from(key))?;
            }
            op::LONG_BINGET => {
                let key = u32::from_le_bytes(self.bytes()?);
                self.get(key)?;
            }
            // Among a tensor's arguments a dict says that the values are, for instance, the conjugates of those stored.
            b'}' if !self.marks.is_empty() => {
                let hint = "save what it stands for: `torch.save(tensor.resolve_conj().resolve_neg(), ...)`";
                return Err(unsupported("the tensor is a conjugated or negated view of what is stored").with_hint(hint));
            }
            b'}' => return Err(unsupported("the file holds a dict, expected one tensor")),
            b']' => return Err(unsupported("the file holds a list, expected one tensor")),
            other => {
                let message = format!(
                    "the description uses pickle instruction {other:#04x} (byte {start}), which no tensor needs"
                );
                return Err(unsupported(&message));
            }
        }
        Ok(None)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.pickle[self.at..].first_chunk().copied().ok_or_else(|| self.scrambled())?;
        self.at += N;
        Ok(bytes)
    }

    fn slice(&mut self, length: usize) -> Result<&[u8]> {
        if length > self.pickle.len() - self.at {
            return Err(self.scrambled());
        }
        self.at += length;
        Ok(&self.pickle[self.at - length..self.at])
    }

    /// Two's complement of up to 8 bytes; larger numbers count nothing in a file.
    fn long(&mut self) -> Result<i64> {
        let [length] = self.bytes()?;
        let digits = self.slice(usize::from(length))?;
        let sign = if digits.last().is_some_and(|&last| last >= 0x80) { 0xFF } else { 0 };
        let mut value = [sign; 8];
        let (low, high) = digits.split_at(digits.len().min(8));
        value[..low.len()].copy_from_slice(low);
        let fits = high.iter().all(|&byte| byte == sign) && (value[7] >= 0x80) == (sign == 0xFF);
        if !fits {
            return Err(malformed("the tensor's description holds an integer beyond 64 bits"));
        }
        Ok(i64::from_le_bytes(value))
    }

    fn text(&mut self, length: usize) -> Result<()> {
        let text = std::str::from_utf8(self.slice(length)?).map(Rc::from);
        let text = text.map_err(|_| malformed("the tensor's description holds a text that is not UTF-8"))?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let rest = &self.pickle[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| self.scrambled())?;
        let line = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.at += length + 1;
        Ok(line)
    }

    fn pop(&mut self) -> Result<Value> {
        // Values below a mark belong to the tuple that it opens.
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => self.stack.pop().ok_or_else(|| self.scrambled()),
            false => Err(self.scrambled()),
        }
    }

    fn tuple_from(&mut self, first: usize) -> Result<()> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if first < floor || first > self.stack.len() {
            return Err(self.scrambled());
        }
        let items: Rc<[Value]> = self.stack.drain(first..).collect();
        let inner = items.iter().map(|item| match item {
            Value::Tuple { depth, .. } => *depth,
            _ => 0,
        });
        let depth = inner.max().unwrap_or(0) + 1;
        if depth > MAX_DEPTH {
            return Err(unsupported("the description nests tuples deeper than a tensor needs"));
        }
        self.stack.push(Value::Tuple { items, depth });
        Ok(())
    }

    fn put(&mut self, key: u32) -> Result<()> {
        let value = self.stack.last().cloned().ok_or_else(|| self.scrambled())?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn get(&mut self, key: u32) -> Result<()> {
        let value = self.memo.get(&key).cloned().ok_or_else(|| self.scrambled())?;
        self.stack.push(value);
        Ok(())
    }

    /// What PyTorch calls a persistent id: `("storage", class, key, device, number of values)`.
    fn storage(&self, id: &Value) -> Result<Value> {
        let Value::Tuple { items, .. } = id else { return Err(self.scrambled()) };
        match items.as_ref() {
            [Value::Text(tag), Value::Global(Global::StorageClass(element)), Value::Text(key), Value::Text(_), len]
                if tag.as_ref() == "storage" =>
            {
                let len = len.unsigned().ok_or_else(|| self.scrambled())?;
                Ok(Value::Storage(Rc::new(Storage { element: *element, key: Rc::clone(key), len })))
            }
            _ => Err(self.scrambled()),
        }
    }

    fn call(&self, function: &Value, arguments: &Value) -> Result<Value> {
        let (Value::Global(function), Value::Tuple { items, .. }) = (function, arguments) else {
            return Err(self.scrambled());
        };
        match (function, items.as_ref()) {
            (Global::OrderedDict, []) => Ok(Value::EmptyOrderedDict),
            (Global::RebuildTensor, [storage, offset, shape, strides, Value::Bool, Value::EmptyOrderedDict]) => {
                let Value::Storage(storage) = storage else { return Err(self.scrambled()) };
                // Each tensor has extents of its own, though many can be made from one long tuple.
                let n_axes = shape.n_items().max(strides.n_items());
                if n_axes > MAX_AXES {
                    return Err(malformed(&format!("the tensor has {n_axes} axes, the limit is {MAX_AXES}")));
                }
                let parts = (offset.unsigned(), shape.extents(), strides.extents());
                let (Some(offset), Some(shape), Some(strides)) = parts else { return Err(self.scrambled()) };
                Ok(Value::Tensor(Rc::new(Rebuilt { storage: Rc::clone(storage), offset, shape, strides })))
            }
            _ => Err(self.scrambled()),
        }
    }

    fn scrambled(&self) -> FormatError {
        malformed(&format!("the tensor's description makes no sense at its byte {}", self.at))
    }
}

fn global(module: &str, name: &str) -> Result<Global> {
    let known = match (module, name) {
        ("torch._utils", "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("torch", class) => ElementType::from_storage_class(class).map(Global::StorageClass),
        _ => None,
    };
    known.ok_or_else(|| {
        let shown: String = format!("{module}.{name}").chars().take(100).collect();
        unsupported(&format!("the file refers to {}, expected one plain tensor", shown.escape_debug()))
    })
}

fn malformed(message: &str) -> FormatError {
    FormatError::malformed(Place::File, message)
}

fn unsupported(message: &str) -> FormatError {
    FormatError::unsupported(Place::File, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(pickle: &[u8]) -> String {
        unpickle_tensor(pickle).unwrap_err().to_string()
    }

    #[test]
    fn integers_take_the_shortest_form_and_come_back() {
        for (value, expected) in [
            (0, &[op::BININT1, 0][..]),
            (255, &[op::BININT1, 255]),
            (256, &[op::BININT2, 0, 1]),
            (65_536, &[op::BININT, 0, 0, 1, 0]),
            (0x7FFF_FFFF, &[op::BININT, 0xFF, 0xFF, 0xFF, 0x7F]),
            (0x8000_0000, &[op::LONG1, 5, 0, 0, 0, 0x80, 0]),
            (0x1_0000_0000, &[op::LONG1, 5, 0, 0, 0, 0, 1]),
            (i64::MAX as u64, &[op::LONG1, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]),
        ] {
            let mut pickle = Vec::new();
            push_int(&mut pickle, value);
            assert_eq!(pickle, expected, "{value}");
            let mut machine =
                Machine { pickle: &pickle, at: 0, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
            machine.step().unwrap();
            assert_eq!(machine.pop().unwrap().unsigned(), Some(value));
        }
    }

    #[test]
    fn descriptions_come_back_and_cut_ones_are_refused() {
        for shape in [&[][..], &[0], &[300, 2], &[1 << 20, 1 << 20, 3], &[2, 3, 4, 5, 6]] {
            let n_values = shape.iter().product();
            let pickle = pickle_tensor(ElementType::Complex64, shape, n_values);
            let pickled = unpickle_tensor(&pickle).unwrap();
            assert_eq!((pickled.tensor.shape(), pickled.storage_key.as_str()), (shape, "0"));
            assert_eq!(pickled.tensor.strides(), contiguous_strides(shape));
            assert!((0..pickle.len()).all(|n_bytes| unpickle_tensor(&pickle[..n_bytes]).is_err()));
        }
    }

    #[test]
    fn other_programs_are_refused() {
        assert!(message(b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.").contains("refers to os.system"));
        assert!(message(b"\x80\x04\x8c\x02os\x8c\x06system\x93.").contains("refers to os.system"));
        assert!(message(b"\x80\x02ctorch\nload\n.").contains("refers to torch.load"));
        assert!(message(b"\x80\x02K\x01.").contains("the file holds an integer"));
        assert!(message(b"\x80\x01.").contains("pickle protocol 1"));
        assert!(message(b"\x80\x02I1\n.").contains("instruction 0x49 (byte 2)"));
        assert!(message(b"\x80\x02ccollections\nOrderedDict\n)R.").contains("the file holds a dict"));
        for scrambled in [
            &b"R"[..],
            b".",
            b"t",
            b"\x85.",
            b"h\x00",
            b"q\x00",
            b"Q",
            b"(Q",
            b"K\x01(\x85",
            b")K\x01R",
            b"X\xff\xff\xff\xff",
            b"c",
        ] {
            assert!(message(scrambled).contains("makes no sense"), "{scrambled:?}");
        }
        assert!(message(b"\x8a\x09\0\0\0\0\0\0\0\0\x01.").contains("beyond 64 bits"));
    }

    #[test]
    fn nested_and_doubled_values_take_no_more_than_the_pickle() {
        // A tuple in a tuple in a tuple would overflow the call stack when it is freed.
        assert!(message(&[&b")"[..], &[op::TUPLE1; 60_000]].concat()).contains("nests tuples"));
        // Doubling the same value 15,000 times.
        let doubling = [&b")q\x00"[..], &b"h\x00h\x00".repeat(15_000), b"."].concat();
        assert!(message(&doubling).contains("the file holds a tuple"));
    }

    #[test]
    fn tensors_lie_within_their_storage() {
        let pickle = pickle_tensor(ElementType::Float32, &[2, 3], 5);
        assert!(message(&pickle).contains("reaches past its storage of 5 values"));
        let pickle = pickle_tensor(ElementType::Float32, &[1 << 31, 1 << 31], 5);
        assert!(message(&pickle).contains("larger than a file can be"));
        let pickle = pickle_tensor(ElementType::Float32, &[1; MAX_AXES + 1], 1);
        assert!(message(&pickle).contains("17 axes, the limit is 16"));
    }
}
