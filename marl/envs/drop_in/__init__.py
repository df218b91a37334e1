"""What marl.envs.smac_api and smacv2_api share: the official clients' classes on our engine."""
