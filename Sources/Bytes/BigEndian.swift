extension [UInt8] {
    /// Appends an integer in network byte order.
    @inlinable
    package mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Appends a field that a reader can cut out again: its length as 4 bytes in network order, then the field.
    /// Signed transcripts are made of such fields, so that no two lists of fields give the same bytes.
    package mutating func appendField(_ field: [UInt8]) {
        appendBigEndian(UInt32(clamping: field.count))
        append(contentsOf: field)
    }

    /// The same for text, as its UTF-8 bytes.
    package mutating func appendField(_ text: String) { appendField(Array(text.utf8)) }
}
