//! The server's side of the encryption.
//!
//! grammers encrypts as a client and decrypts as a client. The two directions differ only in an offset of 8 bytes into
//! the authorization key, so the same functions over a key rotated by 8 bytes give the server's side.

use grammers_crypto::{AuthKey, DequeBuffer, decrypt_data_v2, encrypt_data_v2};

/// A key of 256 bytes, different for each number.
pub(crate) fn numbered_key(number: u64) -> [u8; 256] {
    let mut state = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    std::array::from_fn(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
}

/// The first 8 bytes of everything encrypted with the key.
pub(crate) fn key_id(key: [u8; 256]) -> [u8; 8] {
    let mut buffer = DequeBuffer::with_capacity(64, 24);
    buffer.extend([0_u8; 32]);
    encrypt_data_v2(&mut buffer, &AuthKey::from_bytes(key));
    buffer[..8].try_into().expect("eight bytes")
}

/// Encrypts to and decrypts from one client.
pub(crate) struct Cipher {
    id: [u8; 8],
    outgoing: AuthKey,
    incoming: AuthKey,
    incoming_id: [u8; 8],
}

impl Cipher {
    pub(crate) fn new(key: [u8; 256]) -> Self {
        let (mut left, mut right) = (key, key);
        left.rotate_left(8);
        right.rotate_right(8);
        Self {
            id: key_id(key),
            incoming_id: key_id(right),
            outgoing: AuthKey::from_bytes(left),
            incoming: AuthKey::from_bytes(right),
        }
    }

    pub(crate) fn encrypt(&self, buffer: &mut DequeBuffer<u8>) {
        encrypt_data_v2(buffer, &self.outgoing);
        buffer[..8].copy_from_slice(&self.id);
    }

    /// The plain text of a packet that begins with this key's id.
    pub(crate) fn decrypt<'a>(&self, packet: &'a mut [u8]) -> Result<&'a mut [u8], String> {
        packet[..8].copy_from_slice(&self.incoming_id);
        decrypt_data_v2(packet, &self.incoming).map_err(|error| error.to_string())
    }
}
