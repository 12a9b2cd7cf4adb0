public func tally(_ text: String) -> Int { text.split(separator: " ").count }
