import unittest

from tiny_slug import slug


class SlugTest(unittest.TestCase):
    def test_spaces_become_dashes(self):
        self.assertEqual(slug("Hello There"), "hello-there")


if __name__ == "__main__":
    unittest.main()
