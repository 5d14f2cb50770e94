//! One record's text, as a process in the kernel's name could send it: its header, its fields, every value read
//! in every way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringaudit::wire::fields::{self, Item, Value};
use ringaudit::wire::record::{RecordType, split};
use ringaudit::wire::{class, sockaddr};

fuzz_target!(|text: &[u8]| {
    let fields = split(text).map_or(text, |split| split.fields);
    let mut space = [0; 4096];
    look(fields, &mut space, true);
});

fn look(text: &[u8], space: &mut [u8], outer: bool) {
    for item in fields::items(text) {
        let Item::Field(key, value) = item else { continue };
        let _ = (value.decimal(), value.id(), value.hexadecimal(), value.is_null());
        let _ = class::of(RecordType::SYSCALL, key);
        if let Some(bytes) = value.decode(space) {
            let _ = sockaddr::parse(bytes);
        }
        if let (Value::Nested(inside), true) = (value, outer) {
            look(inside, space, false);
        }
    }
}
