/// Keys, a ciphertext and signatures made by OpenSSL's command line and by Python's `cryptography`; used for tests only.
enum Fixture {
    /// `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`
    static let privatePEM = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDDm/0bNq3S2mKv
        4VNwBfp7obcuCMkh+auL2afDcxf6BxV2q2RWFr3xJml60k8ZE5100XdsdFBA+KXZ
        /AXauH+RRuUXuDeDnPpygFZj5EY82L+SC2BndZMeGbcWx4zu/I/nXn6+m85dD3/k
        bWmyrFE9zLRgn4N48Ij312qYCFjUtE4DhffNuTe5leRzTSBbHakNkNqdwAXYqzCR
        Kh6EbEbIPfEoHERV9ccpMgemzyrwcnF4KRwixF1iWd6AAPntl72nqqdoJumDkgy5
        033Bg+EjmTtg/ISY3ng0Gs/iq4+JSQLm7yXXQT6Khj3XUfxFG1y13FSqanh4HLjj
        ewBvWby1AgMBAAECggEAFnHvuQ+tImSsrkHMsS3+b/E+c6nOanebl5CCD4tFVQs7
        C0LfYIF7ihA+SjmXmekGSEFA0tEF5G6jmT+x7Eb/XEwmPXKF7DQ3CKxxPUUUSicU
        1E054qU7HFkXCSYcpc+VM5dEM9rs8wC0TCHB3x6ms9CpYezryRTQop+1O3y5tK5I
        ai7ne6p4eBMs0hY9eJcpAU3kttF9oi+7mORnnW6SJjwNhnCE+qQXhTaaT2gULQhg
        SaueaxNDlG4kjUxFKXEfUHCClO2hQjMZzUL0HGxagFkUCxIAYZIyewCeudqSkzzk
        C2nNxCwmRncfuw5w9xF4qdmvf0HNZ7UI+jDnzmOYgQKBgQDhUZ450gRbTjlDECKF
        +ztzCRu6/0Oo+p/8LG059Xw7V1tTWoWC+JmY5GIF5JO/CEgHKN+yOqF9TDRcRCrq
        l3Kn64KvZ3Je+NAjJjK2AcoSDcQdJejnccgHAxmm5RiQ4rtkxoLWVV9Shu6edZLT
        DeA55tsSVBcV98gs8MmD4DGtxwKBgQDePrp6FT1vZYTFKDyXsOIoHLu6JeZsibU4
        dRQGRBsWtzXTGNJIEMvESLBufYVgS2o78TJDAa3QktHd5TQ0uZuG+bYHEZVIpDWF
        V9LYHE5FZLB5mI5SaOgBoI79mqugfs9Gse0WYn+GEdevGnSs10jDGqK2DL/jz8VF
        teW1OuMxowKBgHq7LIauQTVC7Kn89fEpIf7NLU+0j7RRoCeKQ4zYjOz97n7+xc7L
        f07qyAIRufDKoAFWYFMC4MgRZEwFzaKvEAMro6nLnV7iBO3AdsrxOpKO8Q43gh/f
        uGcpZyWjkLgK6KxB/S6mnh+j5AJoZKuV2Vdwyk+3gkOzDlR8bCfrTOQtAoGAaRn/
        NBbxW8oFtPtnVFFZUqDsAodD5lZldlKf6qqwqNhxwuf9IgmXY7cAgPApcDWaAsj4
        /QlBOt8EEsz/GGQicf2LoOIm2BiYGvxCgOM5/MU2U/raa4yjE4nrtXE88wSlX4hr
        V+ey6SNs/akkPkz9Yw8onbF/2et7HpF8FW3I3cMCgYEA072SZXGgYHRrAwPdjteD
        fXGkDiWgI5iU+1IGz0p36DpcOwoNDAGedj1+GvReISz/DFXVYb5nixnK53kr7PsT
        4ozY9b6jcgjgOYfPKPtZztPmfNjJ2ngPQe1UfMt+WU52iepGTgjGpOv1fp4A6vVM
        tUzEy1PKi3UZHkgTP30UYd8=
        -----END PRIVATE KEY-----

        """

    static let publicPEM = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAw5v9Gzat0tpir+FTcAX6
        e6G3LgjJIfmri9mnw3MX+gcVdqtkVha98SZpetJPGROddNF3bHRQQPil2fwF2rh/
        kUblF7g3g5z6coBWY+RGPNi/kgtgZ3WTHhm3FseM7vyP515+vpvOXQ9/5G1psqxR
        Pcy0YJ+DePCI99dqmAhY1LROA4X3zbk3uZXkc00gWx2pDZDancAF2KswkSoehGxG
        yD3xKBxEVfXHKTIHps8q8HJxeCkcIsRdYlnegAD57Ze9p6qnaCbpg5IMudN9wYPh
        I5k7YPyEmN54NBrP4quPiUkC5u8l10E+ioY911H8RRtctdxUqmp4eBy443sAb1m8
        tQIDAQAB
        -----END PUBLIC KEY-----

        """

    /// `openssl pkey -pubin -outform DER | sha256sum`
    static let fingerprint = "b0a4a0a599b93e56ff98881c1fc090c956b64a5655055225b5dc0c557f458afa"

    static let message = "a 32 byte key for one message .."

    /// `openssl pkeyutl -encrypt`, OAEP with SHA-256 for digest and mask.
    static let oaep =
        "VzH2NyOSxQ9HGRaFlAmyqPL02BIo4vzmFIWjSABKB7jPSP6jpBACpyY0pGIajzde6IBAo9a0RFEyGiMbjWlrPbI57BH5u0nP"
        + "r9atn4FMdO9DEkPbBWVResmUcs+BoWiE5qF3XMnqD6s8ZxJbQZ0gAJw4iP8ia14ug7HNbbrN2awYVU+yG/mg4sOiu0K0/MxY"
        + "84pkLtPhan63cqRws39XiaemT81Ly79hV2P4Wt9AEAyyvFOgLiefg1Ge8eeHQKciRyLpLGrONqydb7jh0VvWweOomMoNwBwF"
        + "uR8MlS8HOestChoZ8simaFdSwzLVKv4Ko8D4+VGIuWnnKRE+fyIw+Q=="

    /// The same with SHA-1 for the mask.
    static let oaepWithOtherMask =
        "cpo4PpkQ7m3yl7DROTXyuKFOrTn9JWWruZYxWBmiDwLX8Xi8qU2hF4I9e5UIqv6tcKYNShbhv06xquNKUwrGF53tI22+A2Oq"
        + "E6rl8q/jq1P0KYko5hhD+U6REib1K+uhb1Nnb2UpIxTUKuZ9CVz63y/FgJlnzdZPShSTP/v0FDFtyX1av1QOV4kwRM4Z+ap4"
        + "OG2YZYzRPJqfWUhih4Om2o25+Ao+XSY2J0LrBXqbTVqQBcJVIpgZJtYsyHTHplvm8rn8UGslE4sHeUnN+QV1yFaE+I530Rup"
        + "HHg9fQc1hnCixisCkx1YHXeSd+H2fQkjje3PDq9qvwv5JVm9jCY0ug=="

    /// The same key and message under PKCS#1 v1.5.
    static let encryptedV15 =
        "ExP5lIaeIpqy0Yak3oYycr/bvSP2vT9B0EH28+3netjZCE/fFAiyDuVPbpNNxOTq77aFY79tSoNssOlwDW+E5tTrRZzlHnJ2"
        + "AbO3OEL94DgO1wG4jg14IyfJUc1rYXqAG4XYO+e5v3Uc1XtFEbJRN7xP21alq2WBGi8gY83djRZGMEOf57UkHnThBorsfb5D"
        + "WbxWbpVinaMg6B7GaTDbaYFhwICqHb98ljQ59S2ZoPmE/kDtXTmpXP6aKJ9l26Ahy4OQ4cBTb84IDOMMdsNRTDgcGqhHtjeu"
        + "gQEnypUT18bf/ARJ6z7riN5HuuWtr4ZMNE2niBRZqoRL7p8LrNEZsQ=="

    /// `openssl dgst -sha256 -sign`, PSS with a salt of 32 bytes.
    static let pss =
        "GMYlLXOQ4GYvDKXdY0MNgzQNRUVgsLLnvvNZFFSntezvAX2PJDy6swExgSqyYuxoMyhGvOv3POph6Jx6xX26LQvtVJ/YC6qS"
        + "10LFsa8okH9DfllDoehMKDKxPg3c5qgS+3rzxZ7zDieJccZTulNbcKURUlMQno8qJ4bRgDhP9Jvz9KwJQ9gdaNw2SiR6A1fl"
        + "BGP86Kc403ydwGADQrsVZA09o8GsANlyoS2vrnT05YLrh5DJ3ykINZqW2qFKxfcJ8PJL4diZNNaemSecdwLTUuqtHZfmm1Bt"
        + "re+d6q3bReFwFDuUmJOTCuo12P8kGILDqXstFE7SKBLAiuB4ZVcNeQ=="

    /// The same with a salt of 20 bytes.
    static let pssWithShortSalt =
        "OhehMFsu56zMRzdoCl+77CgPoyHYz2bi04ejqMHeMZ9qi2Vy5znsRQbSZWjhpsVSVTnOXkyxTBQ7mjbmP2Nl+c0JQCW4uTnm"
        + "5nIw2RkmZfxeYy9xlAkZlz8SVTO2kaAe8fQOb9eRaRIkouvo+Af/xC6vKAk5mYah+/vwE6dWXAcXpKc+tjtn1dLArRUDcQ6v"
        + "DnCL+O+STUm47pWdgKOh+U5zEhFj/hD1rsETEil16MMacBMcwo+nUNvGv0Le5t6Q9HvBGUApqzLnKLANB015byS7v845e9cX"
        + "EjZFXNJe//avhHxpmRate3YlzTFN/AsvGvHsZHhjOvqlZLVQ1Aahfw=="

    /// The same message signed with PKCS#1 v1.5.
    static let signedV15 =
        "POUeyNR9j5Md0dyKcLvabHSuzAhlUweivYqbW9xY5FA96uW1A6xCMTzAvLRp/mTNlUy8sWqAXG98gH6TneXzpLitIfJOlIaG"
        + "raKDfMxLEqa76O57rELq5vN/I1NIX8vIlYHQzPqqiNdYaKKUd5oyMFUe5RiTylM6KAByj6syDRvtIHm1TeRxtz3WW1HbJicS"
        + "Z1WSjZ771BDm/7VjwTsFcz6cN5wlraWN/5x3vMNha2Zzc340HzcacIKLc2foIvFtjLOYHoVF2nXQTFCWr9vYSlOwN2L6vVV1"
        + "g4Sye2BeQwdcPykmXtTtSOHDu37vqsl2m+RRYgzZQlEH+VPg/8vufA=="

    /// 1024 bits.
    static let rsa1024 = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDnKQ5IDzU00flRB9EvvBI+t9Ww
        nCz61ifnzS0uVD6AADHLruzc7WOSjoGpC+mlx6kpFyH8DmWi9o2P8nF9hWoMytiC
        de2zQYVKz8zU7FC8sJfTkMkGQPXL1n7A4SKdBQYVnoj2nPcyjFNRRbSbtc/gPDIB
        AWkvg6oNqbHTmm4NRQIDAQAB
        -----END PUBLIC KEY-----

        """

    /// Exponent 3.
    static let exponent3 = """
        -----BEGIN PUBLIC KEY-----
        MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAt0/X6ibEdtN+gS07Qlaw
        q0twlGpe6Z3PAUZ248iBklD6ehHLLp0fQE97OZ8l1a4tyAtX6xPkVzAfH8IUdbLJ
        7nSFvtOBLRbaZhW562BNiJcgYQ+Pf9mRm4DzEAaT6DXYvqpY8bGapIw3x3554ymF
        I9cCGnv12+366vFduixBi5QOGYh6moaQnGMjiFJrFhh6DcV9ffw+hnqLGaJzA7ah
        KCBzc3v3FK3fiFwLsn2Kg4PPS2BjdgQek2uFR9qrNiFjyn7l8Ge0cXJWocnGa02A
        dtaQoh0m0v4kX+fyfPYbNVLIKNN19kynNMHo6rn83yGn8RmY7PCVqdq5BQd58Mx4
        vQIBAw==
        -----END PUBLIC KEY-----

        """

    /// Exponent 2^64 + 13.
    static let exponent65Bits = """
        -----BEGIN PUBLIC KEY-----
        MIIBKDANBgkqhkiG9w0BAQEFAAOCARUAMIIBEAKCAQEAnUZAWNUYdouWtKQe+fBV
        VB/sVgdK86GmMVo/Fyv1zaQiWn+5tdfPU9fSJFjWMEYTQCMRAaOXi5erzR44a7nT
        CLtIJ6fMN1QrsX90/o4/loDeoyI6iVg7HV73Z6SaIAIjzreGuuGZ4URcJpr9/RWy
        TDrURSgdILH64yGlyv3hwh1TfKdv5wffZzk2/cTcsm/PD+MRXJK4K4yEdetSo4Vw
        VcCkq/uhAb8TVCMYJeaxNpUBCdrts5uEox2k4msEeWRdNJkBf4jXZ4KoepX35QK5
        9JlSRAEi+fRpzPgiKTftVaxQShAnVtnCExfvs9DJGju34XOALIgEh6SnwHVog+hI
        6wIJAQAAAAAAAAAN
        -----END PUBLIC KEY-----

        """

    /// P-256.
    static let ellipticCurve = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEuPwPlaV1Oc0ly71HQbAjJHp+IZzw
        YhK82qRXWoNlZAlz4HdqJiYJCUzTWFnqLAk2/+Dp/8UUxJX0rMkQblIJTA==
        -----END PUBLIC KEY-----

        """

    /// DSA.
    static let dsa = """
        -----BEGIN PUBLIC KEY-----
        MIIDRzCCAjoGByqGSM44BAEwggItAoIBAQD/KbMgEZC9c4RwbICN1eoy+XB1A5h3
        6WiMiS0+mcmfZt+fut/i788Bt1u5XZBnCRh2oMvBWsTHnBOt115PzdHbfjhbbcod
        iQcLBcJUqgz9bGg9mc7e/fmSj1E1qBQ5hJ7bhpzh6zcTWC2OxaZfzLUzoCkaSIQ9
        3hnIa1YFd0GU+qdAQdqwtIVWK4VAz3N0CFgspQTl6Psb63/k6q77oiJ3FkflTNP+
        B/iCmWQLaqL7L13Sl23hBWKVyaowfjuNCbqYIQcYoFXa6btvEBPD1JMw/GdM5nwu
        N2p+Y275n7gcaJXmsVkNsTTaNh/yieTCDRzKgm/nJFUiyGmrQW1e4n7bAiEA1Ezb
        pHZj5+lxNUalNYoHF02fqd7yNrnQJXxyKbjw7tcCggEBAOji3ymMtePtWuG7PJ2h
        Zl9Crc7zh3/9LQtEXeQMkx6odBimvrCULSwNyc2Kk3OnGZsjHtM0rju2FRF334+6
        y5YnweHtukHTL8XMyzzV2nT/9vHNZ7yL+o85MWQg0i9BNXCQN49clNl5Oi0qiWgg
        qbytq4s/vod3z6IrERkDZNiF1RbMB2ayB6+3qDik0MgfzkMsPjkZUnnQpov91wB2
        lxza2aCmGZBgep+kO6D9FYLpaml0aB9jykKD8etUap00b3iRTQoyu3FxD8kpijbb
        i1eB9RxPkxxgiYJ9g/4fq71ExMHOGILhyfGqIkfCjWZxtsOqd/qyjryrnNB0PlXd
        a4cDggEFAAKCAQAjAAvSAJtC46Uh89AGgGxlvLJVqYWwU78cfjnNMroR9sVtpDJJ
        wiqfgjtW9zFN0siDRcWbPZI1OVJK1ybSKubLk56tYWpWDv8RbwfLBXmdh1p9TVAn
        URxpJsCp5iM7+NpxOYTsZ9JtnHw4iKURRUuGNenv3yR26z2PX9kxnfvzgJb8gcBJ
        3Yt8oYkQB/Yr/d3AJOcGe9xtBT6wTdLAVWE4T37x1R8pheQMLZ3+5xbuxQyuvIox
        h2cMa8DPjtxPZ/mC3uiMaSwNY9mSiSoFf2YKOh2RUKJQDhkqjdUFdbNYYyDlZfNc
        txncRHrUPP2qK3ThQmlMe9dhia/9JlmdaVTj
        -----END PUBLIC KEY-----

        """

    /// An RSA key that names PSS as its algorithm.
    static let rsaPSS = """
        -----BEGIN PUBLIC KEY-----
        MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAMWBbktRew2ofbwaLvMukR9Y
        lY7KQYbOnZ4nqbxO/RrnxiYXEOqGthassAZLmf0TFnEREe8tIMYhHMTguJVLr5ex
        qvnrA5WIyhxtK+02dOnmADGb2kSlYtczoYTFJW49X/fOkkUK93JLPnsTjW9dsp2p
        rCmluQRKaeHrczMVlPu5pja/XWSCT1CU3YY4WAQ50j5n2i0rhBu8/TA0EgKlcOIM
        M4toxlb8INYxiRuyhcDMKU7gu4YIYTZIWebjrD7PREX14TPgd04zi4w6V7xu6pF8
        W1D1JEF9pS6hy0MrA6LMi/biNUpn37i7uH+sQ4P0L4LPIxD6xFCEBDDxZ1EV55kC
        AwEAAQ==
        -----END PUBLIC KEY-----

        """

    /// Ed25519.
    static let ed25519 = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAvvAXYUASezT1wYMpwpWtnNf/fQ0oplD3k2NQaROEB5Q=
        -----END PUBLIC KEY-----

        """

    static let ed25519PrivatePEM = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIJVDNi3pt/4GqCOkoc1ONwnLbPZf9EVFBjESyFgB7PrE
        -----END PRIVATE KEY-----

        """
}
