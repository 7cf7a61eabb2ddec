use super::{Footer, MAGIC, Place, number};
use crate::store::ObjectId;
use proptest::prelude::*;

/// A table of blocks with objects of these lengths; each block is packed to a third.
fn table(blocks: &[Vec<u32>]) -> (Vec<u8>, u64) {
    let mut lengths = Vec::new();
    let mut places = Vec::new();
    for (block, sizes) in (0..).zip(blocks) {
        let mut offset = 0;
        for size in sizes {
            let object = ObjectId::of(format!("{block} {offset} {}", places.len()).as_bytes());
            places.push(Place { object, block, offset, size_bytes: u64::from(*size) });
            offset += size;
        }
        lengths.push((u64::from(offset) / 3 + 1, u64::from(offset)));
    }
    let packed = lengths.iter().map(|(packed, _)| packed).sum();
    (Footer::encode(&lengths, &mut places), packed)
}

fn blocks() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(prop_oneof![Just(0), 1_u32..2000, Just(5_000_000)], 1..9), 0..6)
}

proptest! {
    #[test]
    fn what_is_written_is_read(blocks in blocks()) {
        let (bytes, packed) = table(&blocks);
        let footer = Footer::decode(&bytes, packed).expect("a sound table");
        prop_assert_eq!(footer.len(), blocks.iter().map(Vec::len).sum::<usize>());
        let mut end = MAGIC.len() as u64;
        for (number, sizes) in (0..).zip(&blocks) {
            let block = footer.block(number).expect("a block");
            prop_assert_eq!((block.at, block.unpacked_bytes), (end, sizes.iter().map(|size| u64::from(*size)).sum::<u64>()));
            end += block.packed_bytes;
        }
        for place in footer.places() {
            prop_assert_eq!(footer.find(&place.object), Some(place));
        }
        prop_assert_eq!(footer.find(&ObjectId::of(b"another")), None);
    }

    #[test]
    fn a_changed_number_is_refused_or_leads_nowhere_else(blocks in blocks(), at in any::<prop::sample::Index>(), byte in 1_u8..) {
        let (mut bytes, packed) = table(&blocks);
        let at = at.index(bytes.len());
        bytes[at] ^= byte;
        // The seal finds every change. Without it an object may get another name, an empty one another place, and no other
        // change passes.
        if let Ok(footer) = Footer::decode(&bytes, packed) {
            let rows_start = 8 + number(&bytes[..4]) as usize * 16;
            let row = at.checked_sub(rows_start).and_then(|at| footer.places().nth(at / 48));
            prop_assert!(row.is_some_and(|place| (at - rows_start) % 48 < 32 || place.size_bytes == 0), "byte {at}");
            for place in footer.places() {
                let block = footer.block(place.block).expect("a block that is there");
                prop_assert!(u64::from(place.offset) + place.size_bytes <= block.unpacked_bytes);
                prop_assert!(block.at + block.packed_bytes <= MAGIC.len() as u64 + packed);
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_in_good_order(bytes in prop::collection::vec(any::<u8>(), 0..300), packed in any::<u64>()) {
        let _ = Footer::decode(&bytes, packed);
    }
}

#[test]
fn tables_that_lie_are_refused() {
    let place = |name: &str, block, offset, size_bytes| Place { object: ObjectId::of(name.as_bytes()), block, offset, size_bytes };
    let reason = |blocks: &[(u64, u64)], places: &[Place], packed| {
        let bytes = Footer::encode(blocks, &mut places.to_vec());
        Footer::decode(&bytes, packed).err().unwrap_or("nothing")
    };
    assert_eq!(reason(&[(5, 20)], &[place("a", 0, 0, 12), place("b", 0, 12, 8)], 5), "nothing");
    assert_eq!(reason(&[(5, 20)], &[place("a", 0, 0, 12), place("b", 0, 11, 9)], 5), "its objects overlap, or leave a gap");
    assert_eq!(reason(&[(5, 20)], &[place("a", 0, 0, 12), place("a", 0, 12, 8)], 5), "its objects are not sorted");
    assert_eq!(reason(&[(5, 20)], &[place("a", 0, 0, 12)], 5), "its objects do not fill a block");
    assert_eq!(reason(&[(5, 20)], &[place("a", 0, 0, 20), place("b", 1, 0, 8)], 5), "an object lies in a block that is not there");
    assert_eq!(reason(&[(5, u64::MAX)], &[place("a", 0, 0, 2), place("b", 0, 2, u64::MAX)], 5), "an object is too long");
    assert_eq!(reason(&[(5, 20)], &[place("a", 0, 0, 20)], 6), "its blocks do not fill it");
    assert_eq!(reason(&[(u64::MAX, 20)], &[place("a", 0, 0, 20)], 6), "a block reaches beyond the others");
    let (mut bytes, packed) = table(&[vec![7]]);
    bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Footer::decode(&bytes, packed).err(), Some("its table has another length than it says"));
    assert_eq!(Footer::decode(&bytes[..7], packed).err(), Some("its table is cut off"));
}
