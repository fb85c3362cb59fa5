import Glibc
import Store
import Testing

@Test func aFileIsWrittenWholeAndReadBack() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("secret")
    #expect(try WholeFile.read(path, bytesMax: 10) == nil)
    let long = (0..<10_000).map { UInt8(truncatingIfNeeded: $0) }
    for bytes in [long, [], [1, 2, 3]] {
        try WholeFile.write(bytes, to: path)
        #expect(try WholeFile.read(path, bytesMax: bytes.count) == bytes)
    }
    var information = stat()
    try #require(stat(path, &information) == 0)
    #expect(information.st_mode & 0o777 == 0o600)
}

@Test func aLongFileIsRefused() throws {
    let folder = try TemporaryFolder()
    try writeFile(folder.file("long"), [1, 2, 3])
    let fault = #expect(throws: FileFault.self) { try WholeFile.read(folder.file("long"), bytesMax: 2) }
    #expect(fault?.text == "is longer than 2 bytes")
    let error = #expect(throws: StoreError.self) { try PrivateFolder(path: folder.path).read("long", bytesMax: 2) }
    #expect(error?.text == "\(folder.path)/long is longer than 2 bytes")
}

@Test func aLinkIsFollowedOnlyWherePeopleMadeIt() throws {
    let folder = try TemporaryFolder()
    try writeFile(folder.file("there"), [7])
    try #require(symlink("there", folder.file("link")) == 0)
    #expect(try WholeFile.read(folder.file("link"), bytesMax: 2) == [7])
    #expect(throws: FileFault.self) { try WholeFile.read(folder.file("link"), bytesMax: 2, followsLinks: false) }
    #expect(throws: StoreError.self) { try PrivateFolder(path: folder.path).read("link") }
}

@Test func whatCannotBeReplacedStays() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("kept")
    try #require(mkdir(path, 0o700) == 0)
    defer { rmdir(path) }
    let fault = #expect(throws: FileFault.self) { try WholeFile.write([1], to: path) }
    #expect(fault?.text.hasPrefix("cannot be written: ") == true)
    #expect(access("\(path).\(getpid()).new", F_OK) != 0, "nothing is left behind")
    #expect(throws: FileFault.self) { try WholeFile.read(path, bytesMax: 9) }
    #expect(throws: FileFault.self) { try WholeFile.write([1], to: folder.file("missing/file")) }
}
