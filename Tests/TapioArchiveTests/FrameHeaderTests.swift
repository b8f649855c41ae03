import Testing

@testable import TapioArchive
