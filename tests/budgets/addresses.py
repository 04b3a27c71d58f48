"""Addresses that must never be connected to, by what is odd about them; and what names of a test's own resolve to."""

FORBIDDEN = {
    "this machine and every spelling of it": """
        https://127.0.0.1/ https://127.0.0.1:8443/ https://127.1/ https://127.0.1/ https://2130706433/ https://0x7f000001/
        https://0x7f.0x0.0x0.0x1/ https://0177.0.0.1/ https://017700000001/ https://0x7f.1/ https://127.0.0.1./
        https://127.255.255.254/ https://0.0.0.0/ https://0/ https://0x0/ https://00000000/ https://0.0.0.1/ https://localhost/
        https://LOCALHOST/ https://localhost./ https://127.0.0.01/ https://127.000.000.001/ https://127.0.0.1%2e/
    """,
    "digits that only look different": """
        https://１２７.０.０.１/ https://①②⑦.⓪.⓪.①/ https://127。0。0。1/ https://１９２.168.0.1/ https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/
    """,
    "private networks": """
        https://10.0.0.1/ https://10.255.255.255/ https://172.16.0.1/ https://172.31.255.254/ https://192.168.0.1/
        https://192.168.1.1:443/ https://0x0a000001/ https://167772161/ https://012.0.0.1/ https://10.1/ https://172.1048577/
        https://3232235521/ https://0xc0a80001/ https://private.example/ https://intern.example/
    """,
    "the link, clouds' metadata": """
        https://169.254.169.254/latest/meta-data/ https://169.254.0.1/ https://2852039166/ https://0xa9fea9fe/
        https://0251.0376.0251.0376/ https://169.254.43518/ https://metadata.example/ https://100.100.100.200/
        https://[fd00:ec2::254]/ https://[fe80::1]/ https://[fe80::1%25eth0]/ https://[fe80::1%eth0]/ https://192.0.0.192/
    """,
    "shared, reserved, for documents and benchmarks": """
        https://100.64.0.1/ https://100.127.255.254/ https://192.0.0.1/ https://192.0.2.1/ https://198.18.0.1/
        https://198.19.255.254/ https://198.51.100.7/ https://203.0.113.9/ https://240.0.0.1/ https://255.255.255.255/
        https://192.88.99.1/ https://cgnat.example/
    """,
    "many at once": """
        https://224.0.0.1/ https://239.255.255.250/ https://[ff02::1]/ https://[ff0e::1]/ https://[ff05::2]/ https://multicast.example/
    """,
    "IPv6 of this machine and of its networks": """
        https://[::1]/ https://[::]/ https://[0:0:0:0:0:0:0:1]/ https://[0000::0001]/ https://[fc00::1]/ https://[fd12:3456::1]/
        https://[fec0::1]/ https://[100::1]/ https://[2001:db8::1]/ https://[3fff::1]/ https://[4000::1]/ https://[5f00::1]/
        https://six.example/ https://[::1]:8443/
    """,
    "IPv4 inside IPv6": """
        https://[::ffff:127.0.0.1]/ https://[::ffff:7f00:1]/ https://[::ffff:10.0.0.1]/ https://[::ffff:169.254.169.254]/
        https://[::ffff:a9fe:a9fe]/ https://[::ffff:0:127.0.0.1]/ https://[::127.0.0.1]/ https://[::7f00:1]/
        https://[64:ff9b::7f00:1]/ https://[64:ff9b::127.0.0.1]/ https://[64:ff9b::a9fe:a9fe]/ https://[64:ff9b:1::a00:1]/
        https://[2002:7f00:1::]/ https://[2002:a00:1::1]/ https://[2002:a9fe:a9fe::]/ https://[2001:0:7f00:1::]/
        https://[2001::1]/ https://[2001:10::1]/ https://[2600::5efe:7f00:1]/ https://[2600::200:5efe:a00:1]/
        https://mapped.example/ https://nat64.example/ https://sixtofour.example/
    """,
    "names that lead to several places, or change their mind": """
        https://half.example/ https://half-six.example/ https://rebound.example/ https://nowhere.example/
    """,
    "user names": """
        https://user@example.org/ https://user:secret@example.org/ https://example.org@127.0.0.1/ https://@127.0.0.1/
        https://127.0.0.1@example.org/ https://example.org%40127.0.0.1/ https://a:b@[::1]/
    """,
    "another scheme": """
        http://example.org/ http://127.0.0.1/ ftp://example.org/ file:///etc/passwd gopher://127.0.0.1:6379/_x
        javascript:alert(1) data:text/plain,x ws://example.org/ HTTP://10.0.0.1/ //example.org/
        example.org dict://127.0.0.1:11211/ ldap://127.0.0.1/
        unix:///run/x.sock jar:https://example.org!/
    """,
    "other ports": """
        https://example.org:22/ https://example.org:80/ https://example.org:6379/ https://example.org:5432/
        https://example.org:0/ https://example.org:65536/ https://example.org:-1/ https://example.org:x/ https://example.org:44３/
    """,
    "broken": """
        https:/// https:// https://[::1/ https://::1/ https://[]/ https://[127.0.0.1]/ https://.example.org/
        https://example..org/ https://-example.org/ https://exa$mple.org/ https://example.org/ü
        https://xn--a/ https://0x/ https://1.2.3.4.5/
        https://256.256.256.256/ https://1.2.3/ https://[v1.fe80::a]/ https://ex%61mple.org/ https://a_.%00.example/
    """,
}
WITH_SPACES = [
    "",
    "https://example.org/a b",
    "https://example.org\t/",
    "https://exam\nple.org/",
    "https://example.org\\@127.0.0.1/",
    "https:\\\\127.0.0.1\\",
    " https://example.org/",
    "https://example.org/\r\nHost: 127.0.0.1",
    "https://example.org/\x00",
    "https://" + "a" * 64 + ".org/",
    "https://" + "a." * 130 + "org/",
    "https://example.org/" + "x" * 2_000,
]
ALLOWED = [
    "https://example.org",
    "https://example.org/hook?x=1",
    "https://EXAMPLE.org:8443/",
    "https://1.1.1.1/",
    "https://[2606:4700::1111]/",
    "https://bücher.example/",
    "https://example.org./",
    "https://[::ffff:1.1.1.1]/",
]

NAMES = {
    "example.org": ["93.184.215.14", "2606:2800:21f:cb07::1"],
    "example.org.": ["93.184.215.14"],
    "xn--bcher-kva.example": ["1.1.1.1"],
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1"],
    "private.example": ["10.1.2.3"],
    "intern.example": ["192.168.7.7", "172.20.0.9"],
    "metadata.example": ["169.254.169.254"],
    "cgnat.example": ["100.64.12.1"],
    "multicast.example": ["224.0.0.1"],
    "six.example": ["fd00::7"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "sixtofour.example": ["2002:7f00:1::"],
    "half.example": ["1.1.1.1", "127.0.0.1"],
    "half-six.example": ["1.1.1.1", "::1"],
    "rebound.example": ["127.0.0.1"],
}


def forbidden() -> list[str]:
    """Every address of the corpus."""
    return [url for urls in FORBIDDEN.values() for url in urls.split()] + WITH_SPACES
