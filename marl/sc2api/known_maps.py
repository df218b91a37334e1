"""The published map files: SMAC_Maps/ of oxwhirl/smac and oxwhirl/smacv2.

SHA-256 of each file at oxwhirl/smac d6aab33 and oxwhirl/smacv2 577ab5a (and in its SMAC_Maps.zip),
read 2026-11-21. The 23 maps of SMAC are the same bytes in both.
"""

from __future__ import annotations

# Every scenario of SMAC has a file of its own.
SMAC_MAPS = {
    "10m_vs_11m": "774ad6f26136380dcdea5d29f257734a3ae30a903b2c2c27524bf8edb71c0170",
    "1c3s5z": "17628884bbd11a0c6b5f36129de145a1e8f335ccbcd81e05cf75ec1ee0703a35",
    "25m": "94106cd699579019b45c0a7acead6646ed6cfbf26eba4280f76af13681bfd5f2",
    "27m_vs_30m": "ce84853869c37ce6fdd8266e883a95ce6d10c5fdaa0bf1eb4dc4c149db313f18",
    "2c_vs_64zg": "0c303b28240a8fba8ed829a414876654300d13d195b23793c56701f0ba686fee",
    "2m_vs_1z": "c7dff4eb87b0f949f6da15500020ecdc4b03a61512017eea1dc21a263f411111",
    "2s3z": "928d21db081910096628ecc14627caa972940a7ccb99cc3448de28f7ec770a12",
    "2s_vs_1sc": "1936277d8a1cd490a11229b68892dd94582ef27e370f4babbb025f114a5d8eae",
    "3m": "d6e086e190a80fa473364497199ef4d6c0f6cd281e9f0dd9d64a8159f73a7d47",
    "3s5z": "20ce045f7442eba0010548cb26c03f80db93a4b5a4d94eae1d2486404774e088",
    "3s5z_vs_3s6z": "9265fe0a54ca05680ad4a9d67adadb3fa90544fca3f2aab7fe6681b3227fecf9",
    "3s_vs_3z": "273328b0a78a8b783c9cbf5c91efe583262a4d133b9a8818fe02f9ce9fbfd2a8",
    "3s_vs_4z": "ebb01d82bf7f57d5469c7de64d541e614e971c2007853a6f744e0f61e9b19014",
    "3s_vs_5z": "d63c713a3404b0574f10b686b0f4047d1fe670b5827119dbdf64dfcfc8ad55f8",
    "5m_vs_6m": "ca31d3f570e173b9ed2d8e681b700d2ac754abe62fdafc947432985bc0afb9d7",
    "6h_vs_8z": "2510f604d5a5e60afccf2b1547a6c31327bc307ae8a2083df2772fbe51f14bf1",
    "8m": "fe806ea90ddb919267eb0d3e2e91a00a07f759a1ab0ef33cb2422c4502d3476a",
    "8m_vs_9m": "15c9e65efefde407f8ae34a2bd9b70d46580db730accc15d3477fb281bb609d9",
    "MMM": "4d2c471baa1432b36934563f02ddd840b0602090a30a8b856c62deff4000bf19",
    "MMM2": "797df232260bc50678cc5b48438b606056b2dd799469c872a2635e98d4f5c1d6",
    "bane_vs_bane": "863932de531a1ddab2082b73ad29f8d684d599da97a09a81420682ee27410be4",
    "corridor": "5ca2caf7acda480ebfc8009bb95b855518349627a334639a78045d4c195ab28f",
    "so_many_baneling": "f35849b0a0ecb7310c900dd907857549ff86c159c9e3744a2a49bf8702ff64a2",
}
# All scenarios of SMACv2 (10gen_*) are played on the first; no client asks for the others.
SMACV2_MAPS = {
    "32x32_flat": "c6dc0ce9eb59387a91828b434f2ab802890da75d49a9c7a6e677f78ff6ab4a8c",
    "10gen_empty": "78a73dd07ea288634f57bb7fe8f73df49eb136c3e40c99ec66bc85887045fabb",
    "10gen_protoss": "6a59ede17ef20a4f1afe6a069a7d59989533cd7e8c8d7eec8e5f5213d1f5db13",
    "10gen_terran": "1aa6687cc2c08baea089df39a749858aee360bc4e7886a15596aead27dd073d3",
    "10gen_zerg": "b9e17e363205f58353a1aae64df711c7f8fc623ed75a2b8eb66c033c1ac1070e",
    "32x32_flat_test": "c6dc0ce9eb59387a91828b434f2ab802890da75d49a9c7a6e677f78ff6ab4a8c",
    "32x32_small": "8c4af2a8f1f6a2a0140598fe71b146b8375432a13537375d8c17ce40b6fae221",
}
SMACV2_NEEDED = "32x32_flat"
