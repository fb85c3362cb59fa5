/// Faults on purpose, one for each thing that a run must not let pass. `Scripts/fuzz` begins with them: if one is not
/// found, what the other targets did not find says nothing.
enum FaultyTarget {
    /// The first byte of the input chooses the fault.
    static func run(_ input: inout Input) {
        switch input.byte() {
        case UInt8(ascii: "o"): readBeyond(input.rest())
        case UInt8(ascii: "f"): readFreed(input.rest())
        case UInt8(ascii: "l"): leak(input.rest())
        case UInt8(ascii: "h"): hang()
        case UInt8(ascii: "m"): hold(allocate(1 << 30) > 0, "nothing was allocated")
        case UInt8(ascii: "t"): hold(input.rest()[2] < 200, "what is beyond an array is large")
        case UInt8(ascii: "a"): hold(UInt8(input.rest().count) + 250 > 0, "a sum is too large for its type")
        case UInt8(ascii: "c"): broken("this is promised to nobody")
        default: break
        }
    }

    private static func copied(_ bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyBytes(from: bytes)
        return copy
    }

    private static func readBeyond(_ bytes: [UInt8]) {
        let copy = copied(bytes)
        defer { copy.deallocate() }
        // The buffer itself would not notice: in a release it does not check its places.
        hold(
            copy.baseAddress?.load(fromByteOffset: bytes.count, as: UInt8.self) != bytes.first,
            "the byte behind is as the first")
    }

    private static func readFreed(_ bytes: [UInt8]) {
        let copy = copied(bytes)
        copy.deallocate()
        hold(copy.baseAddress?.load(as: UInt8.self) != bytes.first, "a freed byte is as it was")
    }

    private static func leak(_ bytes: [UInt8]) { hold(copied(bytes).count == bytes.count, "a copy is shorter") }

    /// A loop without a call would be no loop to the compiler.
    private static func hang() { while allocatedBytes() > 0 {} }

    private static func allocate(_ count: Int) -> Int {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { memory.deallocate() }
        return memory.count
    }
}
