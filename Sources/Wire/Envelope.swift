import Bytes

/// What is routed: one message from one account to everyone or to one address. The home node of `from` vouches for
/// `from`; nodes relay the rest unchanged.
package struct Envelope: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        /// Public words, 1 to `textBytesMax` bytes of UTF-8.
        case text(String)
        /// A file for everybody.
        case file(FileOffer)
        /// Words, or a file, that only the recipient's devices can read.
        case sealed(Sealed)

        /// Words are equal if their bytes are: the canonical equality of `String` would take another message for a
        /// retry of this one, and costs the square of the length of what somebody else wrote.
        package static func == (left: Body, right: Body) -> Bool {
            switch (left, right) {
            case (.text(let left), .text(let right)): left.utf8.elementsEqual(right.utf8)
            case (.file(let left), .file(let right)): left == right
            case (.sealed(let left), .sealed(let right)): left == right
            default: false
            }
        }

        package func hash(into hasher: inout Hasher) {
            switch self {
            case .text(var text): text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            case .file(let offer): hasher.combine(offer)
            case .sealed(let sealed): hasher.combine(sealed)
            }
        }

        /// What is open to everybody.
        package init(_ content: MessageContent) {
            switch content {
            case .text(let text): self = .text(text)
            case .file(let offer): self = .file(offer)
            }
        }

        /// nil if it is sealed.
        package var content: MessageContent? {
            switch self {
            case .text(let text): .text(text)
            case .file(let offer): .file(offer)
            case .sealed: nil
            }
        }
    }

    package let id: MessageID
    package let from: Address
    package let to: Conversation
    /// When its author wrote it, by the author's clock: milliseconds since 1970.
    package let at: Int64
    package let body: Body

    package init(id: MessageID, from: Address, to: Conversation, at: Int64, body: Body) {
        self.id = id
        self.from = from
        self.to = to
        self.at = at
        self.body = body
    }

    /// 32 KiB of control characters, each escaped as six, still fit into a client's line of 256 KiB.
    package static let textBytesMax = 32 << 10
    /// 9999-12-31 in milliseconds; keeps arithmetic on times far from overflow.
    package static let atMax: Int64 = 253_402_300_799_999

    /// Everything about a sealed message that its author vouches for besides the ciphertext. It is additional data of
    /// the ciphertext and part of what the signature covers, so nothing can be moved to another place, person or time.
    package static func context(id: MessageID, from: Address, to: Address, at: Int64) -> [UInt8] {
        var context: [UInt8] = []
        context.appendField("postroad-message-1")
        context.appendField(id.bytes)
        context.appendField(from.text)
        context.appendField(to.text)
        context.appendBigEndian(at)
        return context
    }
}

/// A sealed body: AES-256-GCM ciphertext, its key wrapped by RSA-OAEP for every device that may read it, and the
/// sending device's RSA-PSS signature.
package struct Sealed: Hashable, Sendable {
    package struct Wrap: Hashable, Sendable {
        package let device: Fingerprint
        /// The message key under the device's RSA key, at most 1,024 bytes.
        package let key: [UInt8]

        package init(device: Fingerprint, key: [UInt8]) {
            self.device = device
            self.key = key
        }
    }

    /// The sending device.
    package let device: Fingerprint
    /// 12 bytes.
    package let nonce: [UInt8]
    /// Ciphertext and the 16-byte tag, at most `boxBytesMax` bytes.
    package let box: [UInt8]
    package let wraps: [Wrap]
    /// RSA-PSS (SHA-256, 32-byte salt) over `transcript(in:)`, at most 1,024 bytes.
    package let signature: [UInt8]

    package init(device: Fingerprint, nonce: [UInt8], box: [UInt8], wraps: [Wrap], signature: [UInt8]) {
        self.device = device
        self.nonce = nonce
        self.box = box
        self.wraps = wraps
        self.signature = signature
    }

    /// The scheme of design decision D12. Later schemes get later numbers.
    package static let version: Int64 = 1
    /// The largest text, padded, with room for what later contents add.
    package static let boxBytesMax = 96 << 10
    /// Devices of the recipient and of the sender together.
    package static let wrapsMax = 2 * DeviceKey.devicesPerAccountMax

    /// What the sending device signs: the context, the ciphertext and every wrap.
    package func transcript(in context: [UInt8]) -> [UInt8] {
        var transcript: [UInt8] = []
        transcript.appendField("postroad-sealed-1")
        transcript.appendField(context)
        transcript.appendField(device.bytes)
        transcript.appendField(nonce)
        transcript.appendField(box)
        for wrap in wraps {
            transcript.appendField(wrap.device.bytes)
            transcript.appendField(wrap.key)
        }
        return transcript
    }
}
