extension [UInt8] {
    /// Appends `count` bytes, all of which `write` fills in from the given place on. They are not cleared first.
    @inlinable @inline(__always)
    package mutating func append(count: Int, _ write: (UnsafeMutableRawPointer) -> Void) {
        append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, initializedCount in
                guard let start = buffer.baseAddress else { return }
                write(UnsafeMutableRawPointer(start + initializedCount))
                initializedCount += count
            }
        }
    }
}
