"""What SMACv2 draws for each episode: teams, start positions, traits."""
