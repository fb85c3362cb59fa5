import CZlib
package import WebSocket

/// DEFLATE by the system's zlib.
package struct Zlib: DeflateLibrary {
    package init() {}

    /// zlib refuses 8 for raw streams, because it would use a window twice as large.
    package var deflateWindowBitsMin: Int { 9 }

    package func makeDeflater(windowBits: Int) -> (any Deflater)? { ZlibDeflater(windowBits: windowBits) }

    package func makeInflater(windowBits: Int) -> (any Inflater)? { ZlibInflater(windowBits: windowBits) }
}

/// A stream of zlib. It stays in one place, because zlib keeps pointers to it.
struct ZlibStream: ~Copyable {
    let pointer: UnsafeMutablePointer<z_stream>
    private let end: (UnsafeMutablePointer<z_stream>) -> Int32

    /// nil if `start` fails. `end` gives back what `start` took.
    init?(
        start: (UnsafeMutablePointer<z_stream>) -> Int32, end: @escaping (UnsafeMutablePointer<z_stream>) -> Int32
    ) {
        let pointer = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        pointer.initialize(to: z_stream())
        // Before anything is stored, for then returning nil would end the stream as well.
        guard start(pointer) == Z_OK else {
            pointer.deallocate()
            return nil
        }
        self.pointer = pointer
        self.end = end
    }

    deinit {
        _ = end(pointer)
        pointer.deallocate()
    }
}
