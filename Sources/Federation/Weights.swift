import Wire

/// Estimates of what values take on a link in bytes. Windows and pages are measured with them; they need not be exact,
/// as the limits they serve leave room.
extension Envelope {
    package var linkBytes: Int {
        switch body {
        case .text(let text): 400 + text.utf8.count
        case .file(let offer): 700 + offer.name.utf8.count
        case .sealed(let sealed):
            800 + base64Bytes(sealed.box.count) + base64Bytes(sealed.signature.count)
                + sealed.wraps.reduce(0) { $0 + 100 + base64Bytes($1.key.count) }
        }
    }
}

extension DeviceKey {
    var linkBytes: Int { 300 + base64Bytes(key.count) }
}

extension Person {
    var linkBytes: Int { 60 + address.text.utf8.count + 67 * devices.count }
}

private func base64Bytes(_ count: Int) -> Int { (count + 2) / 3 * 4 }
